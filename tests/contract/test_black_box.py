"""Laws of every black-box attack; they are discovered, not listed.

The victim is a function from numpy to numpy, without a gradient.
"""

import functools
import inspect
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.black_box.queries import BlackBoxAttack
from robust_jax.black_box.train_substitute import Substitute
from robust_jax.models.classifiers.mlp import MLP
from tests.contract.samples import called

PACKAGE = "black_box"
KEY = jax.random.key(0)
SHAPE = (6, 6, 1)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal(SHAPE)
X = RNG.uniform(0.35, 0.65, (5, *SHAPE)).astype(np.float32)
HEIGHT = ((X - 0.5) * WEIGHTS).sum(axis=(1, 2, 3))
Y = (HEIGHT > 0).astype(int)
# Twice what the farthest example needs.
RADIUS = {
  "linf": 2 * np.abs(HEIGHT).max() / np.abs(WEIGHTS).sum(),
  "l2": 2 * np.abs(HEIGHT).max() / np.linalg.norm(WEIGHTS),
}
ORDER = {"linf": np.inf, "l2": 2}
BUDGETS = np.array([1000, 2, 800, 40, 120])


def scores(images):
  """An affine victim of two classes, `[N, 2]`, row by row."""
  height = ((images.astype(float) - 0.5) * WEIGHTS).sum(axis=(1, 2, 3))
  return np.stack([np.zeros(len(images)), height], axis=1)


def answer(images):
  return scores(images).argmax(axis=1)


def factory(name):
  return lookup.find(PACKAGE, name)


def takes(name, option):
  return option in inspect.signature(factory(name)).parameters


def returned(name):
  return inspect.signature(factory(name)).return_annotation


ATTACKS = [
  (name, norm)
  for name in lookup.members(PACKAGE)
  if returned(name) == BlackBoxAttack
  for norm in (("linf", "l2") if takes(name, "norm") else (None,))
]
LEARNERS = [
  name
  for name in lookup.members(PACKAGE)
  if typing.get_args(returned(name))[-1:] == (Substitute,)
]
each_attack = pytest.mark.parametrize(("name", "norm"), ATTACKS)


def make(name, norm, eps=None, **options):
  samples = {"norm": norm, "eps": RADIUS.get(norm) if eps is None else eps}
  samples = {k: v for k, v in samples.items() if takes(name, k)}
  return called(factory(name), samples | options)


@functools.cache
def result(name, norm):
  return make(name, norm, max_queries=BUDGETS)(KEY, scores, X, Y)


def assert_same(one, other, rows=slice(None)):
  for a, b in zip(one, other, strict=True):
    np.testing.assert_array_equal(a[rows], b[rows])


def test_each_member_is_held_to_something():
  held = {name for name, _ in ATTACKS} | set(LEARNERS)
  unknown = set(lookup.members(PACKAGE)) - held
  assert not unknown, f"{unknown}: annotate what they return, or add their laws"


@each_attack
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_is_returned_is_true_and_within_box_and_ball(name, norm, dtype):
  x = np.asarray(jnp.asarray(X, dtype)).copy()
  x[0], x[1] = 0, 1  # black and white
  labels = answer(x.astype(np.float32))
  found = make(name, norm, max_queries=200)(KEY, scores, x, labels)
  assert (found.x_adv.shape, found.x_adv.dtype) == (x.shape, x.dtype)
  assert np.all((found.x_adv >= 0) & (found.x_adv <= 1))
  seen = found.x_adv.astype(np.float32)
  np.testing.assert_array_equal(found.success, answer(seen) != labels)
  change = (seen - x.astype(np.float32)).reshape(len(x), -1)
  np.testing.assert_array_equal(found.linf, np.abs(change).max(axis=1))
  length = np.linalg.norm(change, axis=1)
  np.testing.assert_allclose(found.l2, length, rtol=1e-6)
  if takes(name, "eps"):
    length = np.linalg.norm(change.astype(float), ORDER[norm], axis=1)
    assert np.all(length <= RADIUS[norm] * (1 + 1e-5))


@each_attack
def test_it_succeeds_where_the_budget_allows(name, norm):
  assert result(name, norm).success[[0, 2]].all()


@each_attack
def test_the_same_key_gives_the_same_answer(name, norm):
  again = make(name, norm, max_queries=BUDGETS)(KEY, scores, X, Y)
  assert_same(again, result(name, norm))


@each_attack
def test_neighbors_change_nothing(name, norm):
  """Not their images, labels or budgets."""
  rows = np.array([0, 3])
  x, labels, budgets = 1 - X, 1 - Y, BUDGETS[::-1].copy()
  x[rows], labels[rows], budgets[rows] = X[rows], Y[rows], BUDGETS[rows]
  found = make(name, norm, max_queries=budgets)(KEY, scores, x, labels)
  assert_same(found, result(name, norm), rows)


@each_attack
def test_with_keys_of_their_own_examples_do_not_notice_their_batch(name, norm):
  keys = jax.random.split(KEY, len(X))
  together = make(name, norm, max_queries=BUDGETS)(keys, scores, X, Y)
  for i in (0, 3, 2):
    rows = slice(i, i + 1)
    attack = make(name, norm, max_queries=BUDGETS[i])
    alone = attack(keys[rows], scores, X[rows], Y[rows])
    for a, b in zip(alone, together, strict=True):
      np.testing.assert_array_equal(a, b[rows])


@each_attack
@pytest.mark.parametrize("max_queries", [2, 3, 17, 101, 400])
def test_queries_are_counted_and_within_the_budget(name, norm, max_queries):
  # One example at a time, a counter of the test's own.
  for rows in (slice(0, 1), slice(1, 2)):
    calls = []

    def counted(images, calls=calls):
      assert images.dtype == np.float32
      assert np.all((images >= 0) & (images <= 1))
      calls.append(len(images))
      found = scores(images)
      images[:] = np.nan  # they are the victim's own, to write into
      return found

    attack = make(name, norm, max_queries=max_queries)
    found = attack(KEY, counted, X[rows], Y[rows])
    assert found.queries.tolist() == [sum(calls)]
    assert sum(calls) <= max_queries


@each_attack
def test_what_is_misclassified_already_is_left_alone(name, norm):
  found = make(name, norm, max_queries=50)(KEY, scores, X, 1 - Y)
  np.testing.assert_array_equal(found.x_adv, X)
  assert found.success.all()
  assert found.queries.tolist() == [2] * len(X)
  assert not found.l2.any()


@each_attack
def test_labels_are_enough_or_scores_are_asked_for(name, norm):
  attack = make(name, norm, max_queries=300)
  if takes(name, "eps"):
    with pytest.raises(ValueError, match=r"needs scores .* returns labels"):
      attack(KEY, answer, X, Y)
  else:
    assert_same(attack(KEY, answer, X, Y), attack(KEY, scores, X, Y))


@each_attack
def test_a_victim_that_answers_nan_is_not_fooled(name, norm):
  attack = make(name, norm, max_queries=50)
  with pytest.warns(UserWarning, match="returned NaN"):
    found = attack(KEY, lambda x: np.nan * scores(x), X, Y)
  assert not found.success.any()
  assert np.all((found.x_adv >= 0) & (found.x_adv <= 1))


@pytest.mark.parametrize(
  ("name", "norm"), [(n, norm) for n, norm in ATTACKS if takes(n, "eps")]
)
def test_a_radius_of_0_changes_nothing(name, norm):
  found = make(name, norm, eps=0.0, max_queries=100)(KEY, scores, X, Y)
  np.testing.assert_array_equal(found.x_adv, X)
  assert not found.success.any()


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_counts_what_it_asks_and_keeps_the_answers(name):
  learn = called(factory(name), {"model": MLP((), 2), "num_rounds": 2})
  asked = []

  def counted(images):
    asked.extend(images.copy())
    return answer(images)

  one, again = (learn(KEY, predict, X) for predict in (counted, answer))
  assert one.queries == len(asked) == len(one.x)
  np.testing.assert_array_equal(np.stack(asked), one.x)
  np.testing.assert_array_equal(one.labels, answer(one.x))
  assert np.all((one.x >= 0) & (one.x <= 1))
  np.testing.assert_array_equal(again.x, one.x)
  np.testing.assert_array_equal(again.logits_fn(X), one.logits_fn(X))
