"""Substitutions of tokens, against all of them tried one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, perturbations, search
from robust_jax.models.inference import inference_fn
from robust_jax.models.text.bag_of_words import BagOfWords

KEY = jax.random.key(0)
V, T, S = 8, 5, 2
# Two other tokens for each; the last, a name, say, has none but itself.
CANDIDATES = (np.arange(V)[:, None] + [1, 3]) % V
CANDIDATES[-1] = V - 1
LENGTHS = np.array([5, 3, 4, 1])
X = {
  "tokens": jax.random.randint(jax.random.key(1), (4, T), 0, V),
  "mask": jnp.asarray(np.arange(T) < LENGTHS[:, None]),
}
Y = jnp.array([0, 1, 2, 0])
NET = BagOfWords(vocabulary_size=V, num_classes=3, width=4)


@pytest.fixture(scope="module")
def model():
  return inference_fn(NET, NET.init(jax.random.key(2), X))


def all_texts(max_changes):
  """For each example every text `[N, T]` that is allowed."""
  for tokens, length in zip(np.asarray(X["tokens"]), LENGTHS, strict=True):
    options = [
      [t, *CANDIDATES[t]] if i < length else [t] for i, t in enumerate(tokens)
    ]
    texts = np.array(list(itertools.product(*options)))
    yield texts[(texts != tokens).sum(axis=1) <= max_changes]


def worst(model, max_changes):
  """`[B]`, the largest margin over all texts that are allowed."""
  found = []
  for i, tokens in enumerate(all_texts(max_changes)):
    mask = np.broadcast_to(X["mask"][i], tokens.shape)
    logits = model({"tokens": tokens, "mask": mask})
    label = jnp.full(len(tokens), Y[i])
    found.append(losses.margin(logits, label).max())
  return np.array(found)


def assert_allowed(x_adv, max_changes):
  assert x_adv["tokens"].dtype == X["tokens"].dtype
  np.testing.assert_array_equal(x_adv["mask"], X["mask"])
  for text, allowed in zip(
    x_adv["tokens"], all_texts(max_changes), strict=True
  ):
    assert (allowed == np.asarray(text)).all(axis=1).any()


@pytest.mark.parametrize(
  ("find", "hyper"),
  [(search.grid_search, {}), (search.random_search, {"num_samples": 500})],
  ids=["grid", "random"],
)
@pytest.mark.parametrize("max_changes", [0, 1, 2])
def test_the_worst_text_is_found(find, hyper, max_changes, model):
  pset = perturbations.substitutions(CANDIDATES, max_changes)
  attack = attacks.compose(find, pset, losses.margin, **hyper)
  x_adv = attack(KEY, model, X, Y)
  assert_allowed(x_adv, max_changes)
  found = losses.margin(model(x_adv), Y)
  np.testing.assert_allclose(found, worst(model, max_changes), atol=1e-6)


def test_a_first_order_step_is_the_best_of_a_linear_score():
  # The logits of a sum of scores, one for each token of the vocabulary.
  score = jax.random.normal(jax.random.key(3), (V,))
  pset = perturbations.substitutions(CANDIDATES, 2)
  gain = score[CANDIDATES[X["tokens"]]] - score[X["tokens"]][..., None]
  x_adv = pset.apply(X, pset.linear_maximizer(X, gain))
  total = lambda tokens, mask: (score[tokens] * mask).sum(axis=-1)
  for i, tokens in enumerate(all_texts(2)):
    np.testing.assert_allclose(
      total(x_adv["tokens"][i], X["mask"][i]),
      total(tokens, X["mask"][i]).max(),
      rtol=1e-6,
    )


def test_a_random_text_has_any_number_of_replacements_that_it_may(model):
  limits = np.array([2, 1, 0, 3])
  pset = perturbations.substitutions(CANDIDATES, jnp.asarray(limits))
  attack, counts = attacks.worst_of_k(pset, k=1), []
  for seed in range(30):
    x_adv = attack(jax.random.key(seed), model, X, Y)
    assert_allowed(x_adv, limits.max())
    counts.append((x_adv["tokens"] != X["tokens"]).sum(axis=1))
  replaceable = (X["mask"] & (X["tokens"] != V - 1)).sum(axis=1)
  most = np.minimum(limits, replaceable)
  np.testing.assert_array_equal(np.max(counts, axis=0), most)
  np.testing.assert_array_equal(np.min(counts, axis=0), np.minimum(most, 1))


def test_padding_counts_nothing(model):
  other = jnp.where(X["mask"], X["tokens"], (X["tokens"] + 1) % V)
  np.testing.assert_array_equal(model({**X, "tokens": other}), model(X))


def test_a_grid_is_as_large_as_it_must_be_and_no_larger():
  one = perturbations.substitutions(CANDIDATES, 1)
  assert one.grid(X, 5).size == T * (S + 1)
  assert one.grid(X, 1).size == T * 2
  long = jax.tree.map(lambda t: jnp.repeat(t, 20, axis=1), X)
  with pytest.raises(
    ValueError, match="replace 20 of 100 tokens: expected few"
  ):
    perturbations.substitutions(CANDIDATES, 20).grid(long, 1)


@pytest.mark.parametrize(
  ("x", "message"),
  [
    (X["tokens"], r"text of shape \(4, 5\): expected a dict of 'tokens'"),
    ({"tokens": X["tokens"]}, "text of type dict: expected a dict of 'tok"),
    ({**X, "mask": X["mask"][:, 1:]}, r"mask of shape \(4, 4\): expected both"),
    ({**X, "tokens": 2 * X["tokens"]}, r"from \d to 1\d: expected 0..7"),
    ({**X, "tokens": X["tokens"] / 2}, "tokens of dtype float32: expected int"),
  ],
)
def test_what_is_no_text_is_refused(x, message, model):
  pset = perturbations.substitutions(CANDIDATES, 1)
  attack = attacks.compose(search.random_search, pset, losses.margin)
  with pytest.raises(ValueError, match=message):
    attack(KEY, model, x, Y)


def test_candidates_outside_of_the_vocabulary_are_refused():
  with pytest.raises(
    ValueError, match=r"candidates from 1 to 8: expected 0\.\.7"
  ):
    perturbations.substitutions(CANDIDATES + 1, 1)
  with pytest.raises(ValueError, match=r"shape \(8,\): expected \[V, S\]"):
    perturbations.substitutions(CANDIDATES[:, 0], 1)
