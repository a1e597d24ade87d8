"""Examples in clusters: intervals and tests are those of whole clusters."""

import dataclasses
import itertools

import numpy as np
import pytest

from robust_jax.statistics.clusters import cluster_sums, compare_binary
from robust_jax.statistics.compare_risks import compare_risks
from robust_jax.statistics.hypothesis_tests import (
  exact_sign_flip_test,
  mcnemar,
  sign_flip_test,
)
from robust_jax.statistics.outcomes import Condition, Outcomes
from robust_jax.statistics.proportions import compare_proportions
from robust_jax.statistics.risk import risk
from robust_jax.statistics.risk_by_slice import risk_by_slice

CONDITIONS = (
  Condition("noise", "gaussian", 1),
  Condition("noise", "gaussian", 2),
  Condition("blur", "zoom", 3),
)


def _random(size, seed):
  rng = np.random.default_rng(seed)
  transformed = rng.random((size, 3)) < rng.uniform(0.3, 1, (size, 1))
  labels = np.random.default_rng(0).integers(3, size=size)
  return Outcomes(
    tuple(range(size)),
    rng.random(size) < 0.9,
    transformed,
    CONDITIONS,
    labels=labels,
  )


def _copies(one, times):
  """Every example several times, in a cluster of its own."""
  index = np.repeat(np.arange(len(one.ids)), times)
  return dataclasses.replace(
    one,
    ids=tuple(range(len(index))),
    clean=one.clean[index],
    transformed=one.transformed[index],
    labels=one.labels[index],
    clusters=index,
  )


def _everything(a, b):
  """All statistics of outcomes, with one function for each."""
  options = {"draws": 200}
  return [
    dataclasses.asdict(risk(a, **options)),
    dataclasses.asdict(compare_risks(a, b, **options)),
    *(
      dataclasses.asdict(part)
      for part in risk_by_slice(a, a.labels.tolist(), **options)
    ),
    dataclasses.asdict(
      compare_proportions(
        a.clean,
        b.clean,
        ("A", "B"),
        "accuracy",
        less_is_better=False,
        clusters=a.clusters,
        **options,
      )
    ),
  ]


def _differ(one, other, where=()):
  """The places at which two nested records are not nearly equal."""
  if isinstance(one, dict):
    pairs = [(key, one[key], other[key]) for key in one]
  elif isinstance(one, list):
    pairs = [(i, *pair) for i, pair in enumerate(zip(one, other, strict=True))]
  elif isinstance(one, float):
    return [] if one == pytest.approx(other, abs=1e-9) else [where]
  else:
    return [] if one == other else [where]
  return [
    place for key, x, y in pairs for place in _differ(x, y, (*where, key))
  ]


def test_a_cluster_for_each_example_is_no_cluster():
  a, b = _random(90, 1), _random(90, 2)
  numbers = np.random.default_rng(0).permutation(90)
  clustered = [dataclasses.replace(o, clusters=numbers) for o in (a, b)]
  assert _differ(_everything(*clustered), _everything(a, b)) == []


def _perfect(size):
  one = _random(size, 0)
  return dataclasses.replace(
    one, clean=one.clean | True, transformed=one.transformed | True
  )


@pytest.mark.parametrize(
  "pair",
  [(_random(90, 1), _random(90, 2)), (_perfect(20), _perfect(20))],
  ids=["random", "perfect"],
)
def test_copies_in_a_cluster_change_no_interval_and_no_test(pair):
  a, b = pair
  found = _everything(_copies(a, 3), _copies(b, 3))
  counts = {
    "examples",
    "clean_correct",
    "both_clean_correct",
    "only_a_lost",
    "only_b_lost",
  }
  places = _differ(_everything(a, b), found)
  assert {place[-1] for place in places} <= counts


def test_boxes_that_fail_together_make_wider_intervals():
  one = _copies(_random(60, 3), 5)
  apart = dataclasses.replace(one, clusters=None)
  width = lambda o: np.ptp(dataclasses.astuple(risk(o).overall.risk)[1:])
  assert width(one) == pytest.approx(np.sqrt(5) * width(apart), rel=0.15)


def test_sums_are_of_the_rows_of_each_cluster():
  table = np.random.default_rng(0).normal(size=(50, 3))
  clusters = np.random.default_rng(1).integers(-4, 9, 50)
  found = cluster_sums(table, clusters)
  names = list(dict.fromkeys(clusters.tolist()))
  expected = [table[clusters == name].sum(axis=0) for name in names]
  np.testing.assert_allclose(found, expected)
  assert cluster_sums(table, None) is table


def test_the_exact_test_tries_all_signs():
  differences = np.array([[3, 0], [-1, 2], [2, 2], [0, 1], [2, -1]])
  signs = np.array([*itertools.product([-1, 1], repeat=5)])
  sums = np.abs(signs @ differences)
  expected = (sums >= np.abs(differences.sum(axis=0))).mean(axis=0)
  np.testing.assert_allclose(exact_sign_flip_test(differences), expected)
  drawn = sign_flip_test(differences, draws=20_000)
  np.testing.assert_allclose(drawn, expected, atol=0.015)


def test_the_exact_test_of_single_examples_is_mcnemars():
  rng = np.random.default_rng(0)
  a, b = rng.random((2, 70, 4)) < 0.8
  expected = mcnemar((~a & b).sum(axis=0), (a & ~b).sum(axis=0))
  np.testing.assert_array_equal(compare_binary(a, b, None), expected)


@pytest.mark.parametrize("differences", [np.zeros((3, 1)), np.zeros(3, int)])
def test_the_exact_test_is_of_whole_numbers(differences):
  with pytest.raises(ValueError, match="expected integers"):
    exact_sign_flip_test(differences)


def test_clusters_that_cannot_be_are_refused():
  one = _random(5, 0)
  for clusters in (np.zeros(4, int), np.zeros(5)):
    with pytest.raises(ValueError, match="clusters of shape"):
      dataclasses.replace(one, clusters=clusters)
  other = dataclasses.replace(one, clusters=np.zeros(5, int))
  with pytest.raises(ValueError, match="other clusters"):
    compare_risks(one, other)


def test_models_that_are_alike_are_seldom_told_apart():
  """Boxes of an image fail together, apart in the two models."""
  rounds, alarms = 60, np.zeros(3)
  condition = (Condition("noise", "t", 1),)
  for seed in range(rounds):
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(40), rng.integers(1, 12, 40))
    models = [
      Outcomes(
        tuple(range(len(clusters))),
        np.ones(len(clusters), bool),
        (rng.random((40, 1)) < 0.6)[clusters],
        condition,
        clusters=clusters,
      )
      for _ in range(2)
    ]
    found = compare_risks(*models, draws=300, seed=seed)
    alarms += [
      found.families["noise"].is_significant,
      found.overall.p_value < 0.05,
      found.conditions[0].p_value < 0.05,
    ]
  # 3 of 60, and three deviations; without clusters about half.
  assert (alarms <= 3 + 3 * np.sqrt(60 * 0.05 * 0.95)).all(), alarms
