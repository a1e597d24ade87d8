"""Which model to deploy: laws of the rule, and cases worked out by hand."""

import itertools

import numpy as np
import pytest

from robust_jax.statistics.class_coverage import class_coverage
from robust_jax.statistics.compare_risks import compare_risks
from robust_jax.statistics.decide import decide
from robust_jax.statistics.outcomes import Condition, from_predictions

CONDITIONS = (
  Condition("noise", "n", 1),
  Condition("noise", "n", 2),
  Condition("blur", "b", 1),
)
LEVEL = 0.99
DRAWS = 400


def _outcomes(labels, answers, labeled=True):
  """Of answers `[N, 1 + T]`, the clean one first."""
  return from_predictions(
    range(len(labels)),
    answers[:, 0],
    answers[:, 1:],
    CONDITIONS,
    labels if labeled else None,
  )


def _decide(labels, models, labeled=True):
  """models: name -> answers."""
  found = {n: _outcomes(labels, a, labeled) for n, a in models.items()}
  options = {"draws": DRAWS, "level": LEVEL}
  return decide(
    list(models),
    [
      compare_risks(found[a], found[b], (a, b), **options)
      for a, b in itertools.combinations(found, 2)
    ],
    {
      n: class_coverage(o, models[n][:, 0], **options) for n, o in found.items()
    },
  )


def _answers(rng, labels, right, num_classes):
  """Answers that are right so often in each class and condition."""
  stays = rng.random((len(labels), 1 + len(CONDITIONS))) < right[labels]
  wrong = (labels[:, None] + rng.integers(1, num_classes, stays.shape)) % (
    num_classes
  )
  return np.where(stays, labels[:, None], wrong)


def _random_models(seed):
  """Labels of rare and frequent classes, and three models of random skill."""
  rng = np.random.default_rng(seed)
  num_classes = int(rng.integers(2, 5))
  size = int(rng.integers(40, 160))
  frequencies = rng.dirichlet(np.full(num_classes, 0.7))
  labels = rng.choice(num_classes, size, p=frequencies)
  labels[:num_classes] = np.arange(num_classes)
  models = {}
  for name in "abc":
    clean = rng.uniform(0.4, 1, (num_classes, 1))
    kept = clean * rng.uniform(0.5, 1, (1, len(CONDITIONS)))
    right = np.hstack([clean, kept])
    models[name] = _answers(rng, labels, right, num_classes)
  return labels, models


def _by_class(labels, answers):
  """Accuracy of each class, clean and changed (families alike), `[K, 2]`."""
  right = answers == labels[:, None]
  changed = (right[:, 1:3].mean(axis=1) + right[:, 3]) / 2
  return np.array(
    [
      [right[labels == k, 0].mean(), changed[labels == k].mean()]
      for k in np.unique(labels)
    ]
  )


@pytest.mark.parametrize("seed", range(8))
def test_a_model_that_is_dominated_is_never_the_best(seed):
  labels, models = _random_models(seed)
  rng = np.random.default_rng(seed)
  # A copy of the first that is wrong more often, clean and changed.
  spoilt = rng.random(models["a"].shape) < 0.15
  models["spoilt"] = np.where(spoilt, -1, models["a"])
  best = _decide(labels, models).best
  if best is not None:
    own = _by_class(labels, models.pop(best))
    for answers in models.values():
      other = _by_class(labels, answers)
      assert not ((other >= own).all() and (other > own).any())


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_models_does_not_matter(seed):
  labels, models = _random_models(seed)
  found = [
    _decide(labels, {name: models[name] for name in order})
    for order in itertools.permutations(models)
  ]
  assert len({one.best for one in found}) == 1
  assert all(one.preferred_to == found[0].preferred_to for one in found)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_images_twice_do_not_turn_it_round(seed):
  labels, models = _random_models(seed)
  once = _decide(labels, models)
  twice = _decide(
    np.tile(labels, 2), {n: np.tile(a, (2, 1)) for n, a in models.items()}
  )
  for winner, losers in once.preferred_to.items():
    for loser in losers:
      assert winner not in twice.preferred_to[loser]


@pytest.mark.parametrize("labeled", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_constant_is_never_the_best(seed, labeled):
  labels, models = _random_models(seed)
  shape = models["a"].shape
  constant = np.full(shape, np.bincount(labels).argmax())
  for others in ({}, {"a": models["a"]}, models):
    found = _decide(
      labels, {"constant": constant, **others, "too": constant}, labeled
    )
    assert found.best not in ("constant", "too")
    # Nor does it beat any model that is not one.
    assert not found.preferred_to["constant"]


def test_one_class_of_a_hundred_is_worth_more_than_a_constant():
  # 594 : 6, as an answer for all is right about 99 %.
  labels = np.repeat([0, 1], [594, 6])
  good = np.tile(labels[:, None], 4)
  good[:9, 1:] = 1  # and changes cost the other one something
  found = _decide(labels, {"constant": np.zeros_like(good), "good": good})
  assert found.best == "good"
  # Where they cost so much that it is right less often, it depends.
  good[:90, 1:] = 1
  found = _decide(labels, {"constant": np.zeros_like(good), "good": good})
  assert found.best is None
  assert [answer for _, answer in found.undecided] == ["depends"]


def test_a_rare_class_is_not_paid_for_by_a_frequent_one():
  labels = np.repeat([0, 1], [900, 60])
  frequent = np.tile(labels[:, None], 4)
  frequent[900:950] = 0  # right about ten of the sixty
  rare = np.tile(labels[:, None], 4)
  rare[:150] = 1
  found = _decide(labels, {"frequent": frequent, "rare": rare})
  assert found.best is None
  assert [answer for _, answer in found.undecided] == ["depends"]


def test_who_is_never_right_about_a_class_is_not_preferred():
  rng = np.random.default_rng(0)
  labels = rng.integers(3, size=300)
  labels[:20] = 3
  right = np.tile([[0.95], [0.95], [0.95], [0.0]], 4)
  blind = _answers(rng, labels, right, 4)
  assert not (blind[labels == 3] == 3).any()
  right = np.tile([[0.7], [0.7], [0.7], [0.4]], 4)
  seeing = _answers(rng, labels, right, 4)
  models = {"blind": blind, "seeing": seeing}
  assert _decide(labels, models).undecided[0][1] == "depends"
  # Of four images, that may be chance.
  few = np.concatenate([np.flatnonzero(labels < 3), np.arange(4)])
  found = _decide(labels[few], {n: a[few] for n, a in models.items()})
  assert found.best == "blind"


def test_changed_images_tell_where_clean_ones_do_not():
  rng = np.random.default_rng(1)
  labels = rng.integers(3, size=400)
  models = {
    name: _answers(rng, labels, np.array([[0.9, *[kept] * 3]] * 3), 3)
    for name, kept in (("firm", 0.8), ("frail", 0.5))
  }
  assert _decide(labels, models).best == "firm"


def test_answers_that_have_nothing_to_do_with_images_are_guesses():
  rng = np.random.default_rng(2)
  labels = rng.choice(3, 300, p=[0.8, 0.1, 0.1])
  drawn = rng.permutation(labels)
  for answers, guesses in (
    (np.zeros(300, int), True),
    (drawn, True),
    (np.where(rng.random(300) < 0.3, labels, drawn), False),
  ):
    outcomes = _outcomes(labels, np.tile(answers[:, None], 4))
    found = class_coverage(outcomes, answers, level=LEVEL)
    assert found.guesses == guesses
    recalls = [(answers[labels == k] == k).mean() for k in range(3)]
    assert found.balanced_accuracy == pytest.approx(100 * np.mean(recalls))
  assert class_coverage(outcomes, np.zeros(300, int)).p_guessing == 1


def test_guesses_are_taken_for_knowledge_as_seldom_as_promised():
  rng = np.random.default_rng(3)
  taken = 0
  for seed in range(200):
    labels = rng.choice(3, 60, p=[0.7, 0.2, 0.1])
    answers = rng.integers(3, size=60)
    outcomes = _outcomes(labels, np.tile(answers[:, None], 4))
    options = {"draws": 200, "level": 0.9, "seed": seed}
    taken += not class_coverage(outcomes, answers, **options).guesses
  assert taken <= 33  # of 20 expected, by chance in 0.3 %


@pytest.mark.parametrize("seed", range(6))
def test_what_is_told_is_what_an_interval_without_0_says(seed):
  labels, models = _random_models(seed)
  a, b = (_outcomes(labels, models[name]) for name in "ab")
  for level in (0.5, 0.8, 0.95):
    found = compare_risks(a, b, draws=DRAWS, level=level)
    parts = [*found.accuracies.values(), found.overall]
    for one in [*parts, *found.families.values()]:
      within = one.difference.low <= 0 <= one.difference.high
      assert within == (one.verdict == "no significant difference"), one
      assert within or one.p_adjusted < 1 - level


def test_balanced_accuracies_are_means_over_classes():
  labels, models = _random_models(0)
  a, b = (_outcomes(labels, models[name]) for name in "ab")
  found = compare_risks(a, b, draws=DRAWS)
  difference = 100 * (
    _by_class(labels, models["a"]) - _by_class(labels, models["b"])
  )
  clean, changed = difference.mean(axis=0)
  assert found.balanced_clean.difference.value == pytest.approx(clean)
  assert found.balanced_changed.difference.value == pytest.approx(changed)
  rows = np.array([[c.clean, c.changed] for c in found.classes])
  np.testing.assert_allclose(rows[..., 0] - rows[..., 1], difference, atol=1e-9)
  assert [c.examples for c in found.classes] == np.bincount(labels).tolist()
