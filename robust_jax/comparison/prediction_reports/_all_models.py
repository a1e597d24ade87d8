"""Comparisons of all models and pairs, corrected to hold jointly."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.statistics.bootstrap import BootstrapOptions
from robust_jax.statistics.class_coverage import ClassCoverage, class_coverage
from robust_jax.statistics.compare_risks import (
  ACCURACIES,
  Comparison,
  compare_risks,
)
from robust_jax.statistics.hypothesis_tests import bonferroni
from robust_jax.statistics.outcomes import Outcomes


def all_pairs(
  outcomes: Mapping[str, Outcomes], level: float, seed: int
) -> list[Comparison]:
  """Compares every pair of models.

  Args:
    outcomes: outcomes of each model, by name.
    level: level at which all comparisons of all models hold jointly.
    seed: seed of the draws.
  """
  each, draws = _each(outcomes, level)
  options = BootstrapOptions(level=each, draws=draws, seed=seed)
  return [
    compare_risks(outcomes[a], outcomes[b], (a, b), **options)
    for a, b in itertools.combinations(outcomes, 2)
  ]


def all_coverage(
  outcomes: Mapping[str, Outcomes],
  clean: Mapping[str, np.ndarray],
  level: float,
  seed: int,
) -> dict[str, ClassCoverage]:
  """Returns the class coverage of each model.

  Args:
    outcomes: outcomes by name.
    clean: int `[N]` of each model, its predictions for clean examples.
    level: see `all_pairs`.
    seed: seed of the draws.
  """
  each, draws = _each(outcomes, level)
  return {
    name: class_coverage(one, clean[name], level=each, draws=draws, seed=seed)
    for name, one in outcomes.items()
  }


def identical_models(
  predictions: Mapping[str, Mapping[str, Sequence[np.ndarray]]],
) -> list[list[str]]:
  """Returns groups of models with equal predictions for every example and case.

  Args:
    predictions: model -> name of the case -> the arrays of its predictions.
  """
  groups: dict[tuple[bytes, ...], list[str]] = {}
  for name, of in predictions.items():
    arrays = (array for case in sorted(of) for array in of[case])
    key = tuple(array.tobytes() for array in arrays)
    groups.setdefault(key, []).append(name)
  return [names for names in groups.values() if len(names) > 1]


def _each(outcomes: Mapping[str, Outcomes], level: float) -> tuple[float, int]:
  """Returns the level of each comparison by Bonferroni's correction.

  There are four accuracies and the overall risk for each pair, or the risk
  alone without labels, and the test for guessing of each model.
  """
  labeled = next(iter(outcomes.values())).labeled
  pairs = len(outcomes) * (len(outcomes) - 1) // 2
  comparisons = (len(ACCURACIES) + 1) * pairs + len(outcomes)
  return bonferroni(level, comparisons if labeled else pairs)
