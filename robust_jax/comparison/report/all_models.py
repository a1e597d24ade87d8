"""What is asked of all models and pairs, so that all of it holds together."""

import itertools
from collections.abc import Mapping

import numpy as np

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
  """Differences of every pair.

  Args:
    outcomes: of each model, by name.
    level: at which all that is asked of all models holds together.
    seed: of the draws.
  """
  each, draws = _each(outcomes, level)
  options = {"level": each, "draws": draws, "seed": seed}
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
  """Of each model, whether it guesses and which classes it misses.

  Args:
    outcomes: by name.
    clean: int `[N]` of each, its answers to images as they are.
    level: as `all_pairs`; seed too.
    seed: of the draws.
  """
  each, draws = _each(outcomes, level)
  return {
    name: class_coverage(one, clean[name], level=each, draws=draws, seed=seed)
    for name, one in outcomes.items()
  }


def identical_models(
  classes: Mapping[str, Mapping[str, np.ndarray]],
) -> list[list[str]]:
  """Groups of models that answer every image alike in every case.

  Args:
    classes: model -> name of the case -> int `[N]`.
  """
  groups: dict[tuple[bytes, ...], list[str]] = {}
  for name, answers in classes.items():
    key = tuple(answers[case].tobytes() for case in sorted(answers))
    groups.setdefault(key, []).append(name)
  return [names for names in groups.values() if len(names) > 1]


def _each(outcomes, level) -> tuple[float, int]:
  """By Bonferroni: four accuracies and overall risk of each pair, or the risk
  alone without labels, and of each model whether it guesses."""
  labeled = next(iter(outcomes.values())).labeled
  pairs = len(outcomes) * (len(outcomes) - 1) // 2
  questions = (len(ACCURACIES) + 1) * pairs + len(outcomes)
  return bonferroni(level, questions if labeled else pairs)
