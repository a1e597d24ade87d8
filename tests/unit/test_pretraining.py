"""Pre-training of encoders: masking, the two networks, and their losses."""

import functools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics

from robust_jax import metrics, parallel, tasks
from robust_jax.tasks._electra_networks import Networks
from robust_jax.tasks._example import example_encoder, example_texts
from robust_jax.tasks._masked_tokens import MASK, select
from robust_jax.tasks._token_metrics import detection_scores, histograms
from robust_jax.text.tokenizer import SPECIAL_TOKENS

KEY = jax.random.key(0)
V = example_encoder().vocabulary_size
NUM_ORDINARY = V - len(SPECIAL_TOKENS)
BATCH = example_texts(16)


def task(**options):
  return tasks.electra(example_encoder(), optax.sgd(0.1), **options)


def apart(**options):
  """A task of two networks of one size that share nothing."""
  return task(sharing="none", generator_size=1.0, **options)


@functools.cache
def begun():
  return jax.jit(apart().init)(KEY, BATCH)


def changed(params, **parts):
  """Parameters with others in some parts, by `part__name`."""
  params = dict(params)
  for place, value in parts.items():
    part, layer, name = place.split("__")
    old = params[part][layer][name] if layer else params[part][name]
    new = jnp.broadcast_to(jnp.asarray(value, jnp.float32), old.shape)
    inner = {**params[part][layer], name: new} if layer else new
    params[part] = {**params[part], (layer or name): inner}
  return params


UNIFORM = {"prediction__norm__scale": 0.0}
CONSTANT = {"detection__logit__kernel": 0.0}


@functools.cache
def _compiled():
  encoder = example_encoder()
  networks = Networks.of(encoder, 1.0, "none", 0.3)
  return jax.jit(functools.partial(networks.play, train=False))


def play(params, tokens):
  """One round of these networks, of which three tenths are masked."""
  tokens = jnp.asarray(tokens)
  x = {"tokens": tokens, "mask": tokens > 0}
  return _compiled()(params, {"x": x, "mask": jnp.ones(len(tokens))}, KEY)


@pytest.mark.parametrize("fraction", [0.15, 0.5, 1.0])
def test_an_exact_number_of_ordinary_tokens_is_chosen_each_once(fraction):
  tokens = np.random.default_rng(0).integers(0, V, (200, 13))
  tokens[0] = 0
  tokens[1, 1:] = 0
  allowed = np.random.default_rng(1).random(tokens.shape) < 0.8
  found = jax.jit(select, static_argnums=3)(KEY, tokens, allowed, fraction)
  ordinary = allowed & (tokens >= len(SPECIAL_TOKENS))
  counts = np.zeros(tokens.shape, int)
  rows = np.arange(200)[:, None]
  np.add.at(counts, (rows, np.asarray(found.places)), np.asarray(found.chosen))
  assert counts.max() == 1
  assert not counts[~ordinary].any()
  n = ordinary.sum(axis=1)
  expected = [min(k, max(1, round(fraction * k))) for k in n]
  assert counts.sum(axis=1).tolist() == expected


def test_all_ordinary_tokens_are_as_likely_to_be_chosen():
  tokens = np.tile([2, 7, 8, 7, 9, 0], (4000, 1))
  found = select(KEY, tokens, tokens > 0, 0.25)
  counts = np.asarray(found.put(jnp.zeros(tokens.shape), 1)).sum(axis=0)
  assert counts[[0, 5]].sum() == 0
  assert np.abs(counts[1:5] - 1000).max() < 4.5 * math.sqrt(1000 * 0.75)


def test_the_discriminator_sees_the_original_where_nothing_is_masked():
  found = play(begun().params, BATCH["x"]["tokens"])
  tokens, seen = np.asarray(BATCH["x"]["tokens"]), np.asarray(found.seen)
  selected = np.asarray(found.selected) > 0
  np.testing.assert_array_equal(seen[~selected], tokens[~selected])
  assert (seen[selected] >= len(SPECIAL_TOKENS)).all()
  assert MASK not in seen
  np.testing.assert_array_equal(found.replaced, seen != tokens)
  assert 0 < found.replaced.sum() < selected.sum()


def test_draws_have_the_probabilities_of_the_softmax():
  # One ordinary token, which is masked in every row.
  tokens = np.tile([2, 7, 3], (8000, 1))
  bias = np.zeros(V)
  bias[8] = 12.0  # hardly anything else is drawn
  bias[6:8] = 11.0, 9.0
  params = begun().params
  for one in (params, changed(params, prediction____bias=bias)):
    found = play(one, tokens)
    drawn = np.asarray(found.seen[:, 1])
    p = np.zeros(V)
    p[drawn] = np.exp(-np.asarray(found.drawn_loss[:, 0]))
    frequencies = np.bincount(drawn, minlength=V) / len(drawn)
    assert p.sum() == pytest.approx(1, abs=1e-3)
    bound = 4.5 * np.sqrt(p * (1 - p) / len(drawn)) + 1e-6
    assert (np.abs(frequencies - p) <= bound).all()


def test_a_guess_that_is_right_is_no_replacement():
  bias = np.where(np.arange(V) == 8, 1e4, 0.0)
  params = changed(begun().params, prediction____bias=bias)
  right = play(params, np.full((4, 10), 8))
  assert right.selected.sum() == 4 * 3
  assert not right.replaced.any()
  assert right.masked_accuracy.all()
  wrong = play(params, np.full((4, 10), 7))
  np.testing.assert_array_equal(wrong.replaced, wrong.selected > 0)
  assert not wrong.masked_accuracy.any()


def test_the_discriminators_loss_weighs_fifty_and_moves_no_generator():
  """Twice the weight moves the discriminator by twice as much."""
  start = jax.jit(task().init)(KEY, BATCH)
  moved = []
  for one in (task(), task(discriminator_weight=100.0)):
    step = parallel.simulate_step(one.step, 1)
    after, report = step(start, (), BATCH, KEY)
    report = metrics.result(report)
    moved.append(jax.tree.map(jnp.subtract, after.params, start.params))
  assert report["loss"] == pytest.approx(
    report["masked_loss"] + 100 * report["discriminator_loss"], rel=1e-5
  )
  close = functools.partial(chex.assert_trees_all_close, rtol=1e-3, atol=1e-5)
  once, twice = moved
  for name in ("generator", "prediction"):
    close(once[name], twice[name])
    assert all(jnp.any(d != 0) for d in jax.tree.leaves(once[name]))
  for name in ("discriminator", "detection"):
    # The generator's share of the movement is only in what it shares.
    share = jax.tree.map(lambda d, e: 2 * d - e, once[name], twice[name])
    for part, values in share.items():
      if part in ("embeddings", "positions"):
        assert all(jnp.abs(d).max() > 1e-4 for d in jax.tree.leaves(values))
      else:
        close(
          once[name][part], jax.tree.map(lambda d: d / 2, twice[name][part])
        )


@pytest.mark.parametrize(
  ("sharing", "size", "num_tables"),
  [("none", 0.5, 2), ("embeddings", 0.5, 1), ("all", 1.0, 1)],
)
def test_sharing_is_one_table(sharing, size, num_tables):
  one = task(sharing=sharing, generator_size=size)
  params = jax.eval_shape(one.init, KEY, BATCH).params
  tables = [p for p in jax.tree.leaves(params) if p.shape == (V, 8)]
  assert len(tables) == num_tables
  assert (params["generator"] == {}) == (sharing == "all")
  if sharing == "embeddings":
    assert params["generator"]["project"]["kernel"].shape == (8, 4)
    assert params["generator"]["norm"]["scale"].shape == (4,)


def test_losses_of_ignorant_networks_in_closed_form():
  one = apart()
  params = changed(begun().params, **UNIFORM, **CONSTANT)
  state = begun()._replace(params=params)
  sums = parallel.pmap_evaluate(one.evaluate)(state, (), BATCH, KEY, 0)
  found = one.summarize(metrics.result(sums))
  log_v = math.log(NUM_ORDINARY)
  assert found["masked_loss"] == pytest.approx(log_v, rel=1e-5)
  assert found["discriminator_loss"] == pytest.approx(math.log(2), rel=1e-5)
  assert found["loss"] == pytest.approx(log_v + 50 * math.log(2), rel=1e-5)
  assert found["auc"] == 0.5
  assert found["recall"] == 1
  assert found["precision"] == pytest.approx(found["replaced"])


ALL_OF_A_KIND = {
  **BATCH,
  "x": {**BATCH["x"], "tokens": jnp.where(BATCH["x"]["mask"], 7, 0)},
}


@functools.cache
def adversarial_step():
  one = apart(objective="adversarial", detected="masked")
  return parallel.simulate_step(one.step, 1)


def test_the_loss_on_masked_tokens_is_of_these_alone():
  """All draws are wrong, which the discriminator takes all tokens to be."""
  bias = np.where(np.arange(V) == 11, 1e4, 0.0)
  params = changed(begun().params, prediction____bias=bias, **CONSTANT)
  state = begun()._replace(params=changed(params, detection__logit__bias=2.0))
  _, report = adversarial_step()(state, (), ALL_OF_A_KIND, KEY)
  # The generator has no loss where all that it does is equally good.
  expected = 50 * math.log1p(math.exp(-2))
  assert metrics.result(report)["loss"] == pytest.approx(expected, rel=1e-5)


def test_an_adversarial_generator_goes_where_the_discriminator_errs():
  def change(logit):
    """The fall of the negative log likelihood of the original tokens."""
    params = changed(begun().params, **CONSTANT)
    constant = changed(params, detection__logit__bias=logit)["detection"]
    state, losses = begun(), []
    for _ in range(20):
      params = {**state.params, "detection": constant}
      state, report = adversarial_step()(
        state._replace(params=params), (), ALL_OF_A_KIND, KEY
      )
      losses.append(metrics.result(report)["masked_loss"])
    return losses[0] - losses[-1]

  # It takes all tokens for replaced: the original ones are its errors.
  assert change(3.0) > 0.5
  assert change(-3.0) < -0.5


def test_the_generator_learns_alone_and_then_the_discriminator_from_its_copy():
  # Moments and weight decay would move parameters that have no gradient.
  one = tasks.electra(
    example_encoder(),
    optax.adamw(0.01, weight_decay=0.1),
    sharing="none",
    generator_size=1.0,
    first_stage=0.5,
    num_steps=4,
  )
  step = parallel.simulate_step(one.step, 1)
  state = jax.jit(one.init)(KEY, BATCH)
  losses = []
  for i in range(4):
    before = state.params
    state, report = step(state, (), BATCH, jax.random.key(i))
    after, report = state.params, metrics.result(report)
    losses.append(report)
    learns = "generator" if i < 2 else "discriminator"
    moved = jax.tree.map(jnp.subtract, after[learns], before[learns])
    assert all(jnp.any(d != 0) for d in jax.tree.leaves(moved))
    if i < 2:
      equal = after["discriminator"], after["generator"]
    else:
      names = ("generator", "prediction")
      equal = tuple([p[name] for name in names] for p in (before, after))
    chex.assert_trees_all_equal(*equal)
  for found in losses[:2]:
    assert found["loss"] == pytest.approx(found["masked_loss"], rel=1e-5)
  for found in losses[2:]:
    expected = 50 * found["discriminator_loss"]
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_masked_language_model_without_knowledge_has_the_loss_log_v():
  one = tasks.masked_language_model(example_encoder(), optax.sgd(0.1))
  state = jax.eval_shape(one.init, KEY, BATCH)
  zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)
  sums = parallel.pmap_evaluate(one.evaluate)(zeros, (), BATCH, KEY, 0)
  found = one.summarize(metrics.result(sums))
  assert found["loss"] == pytest.approx(math.log(NUM_ORDINARY), rel=1e-5)


def test_scores_of_a_detector_are_those_of_scikit_learn():
  rng = np.random.default_rng(0)
  replaced = rng.random((40, 30)) < 0.1
  logits = rng.normal(replaced * 1.5 - 1, 1.0)
  # In the middle of bins, of which equal ones tie for scikit-learn as well.
  logits = np.floor(logits / 0.05) * 0.05 + 0.025
  real = np.arange(30) < rng.integers(1, 31, (40, 1))
  mask = (np.arange(40) < 30).astype(np.float32)
  sums = jax.jit(histograms)(logits, replaced, real, mask)
  found = detection_scores(metrics.result(sums))
  kept = real & (mask > 0)[:, None]
  y, scores = replaced[kept], logits[kept]
  expected = {
    "auc": sklearn.metrics.roc_auc_score(y, scores),
    "precision": sklearn.metrics.precision_score(y, scores > 0),
    "recall": sklearn.metrics.recall_score(y, scores > 0),
  }
  assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"sharing": "some"}, "sharing = 'some': expected one of embeddings, all"),
    ({"sharing": "all"}, "generator_size = 0.25: expected 1"),
    ({"objective": "x"}, "objective = 'x': expected one of likelihood"),
    ({"detected": "x"}, "detected = 'x': expected one of all, masked"),
    ({"mask_fraction": 0.0}, "mask_fraction = 0"),
    ({"mask_fraction": 1.5}, "mask_fraction = 1.5"),
    ({"discriminator_weight": -1.0}, "discriminator_weight = -1"),
    ({"generator_size": 0.0}, "generator_size = 0"),
    ({"first_stage": 0.5}, "num_steps = 0"),
    ({"first_stage": 1.5, "num_steps": 4}, "first_stage = 1.5"),
    ({"first_stage": 0.5, "num_steps": 4}, "expected 1, 'none' and 'likelih"),
  ],
)
def test_what_makes_no_sense_is_refused(options, message):
  with pytest.raises(ValueError, match=message):
    task(**options)
