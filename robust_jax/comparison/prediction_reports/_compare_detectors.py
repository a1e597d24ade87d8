"""Paired comparisons of detectors: average precision and risk."""

import dataclasses
import itertools
from collections.abc import Mapping

from robust_jax.comparison.prediction_reports._detector_measures import (
  DetectorMeasures,
)
from robust_jax.statistics.compare_risks import Comparison, compare_risks
from robust_jax.statistics.detection.changed_precision import (
  compare_precision,
)
from robust_jax.statistics.hypothesis_tests import bonferroni

# AP of clean and of changed images, and overall risk.
_MEASURES = 3


def compare_detectors(
  found: Mapping[str, DetectorMeasures], level: float, seed: int
) -> list[Comparison]:
  """Compares every pair of detectors.

  The accuracies of these comparisons are AP on clean images and mean AP under
  changes. The risk is that of the objects that each model finds.

  Args:
    found: measures of each model, by name.
    level: level at which all comparisons of all models hold jointly.
    seed: seed of the draws.
  """
  pairs = list(itertools.combinations(found, 2))
  each, draws = bonferroni(level, _MEASURES * len(pairs))
  return [
    _compare(found[a], found[b], (a, b), each, draws, seed) for a, b in pairs
  ]


def _compare(a, b, names, level, draws, seed) -> Comparison:
  pair = compare_risks(
    a.outcomes, b.outcomes, names, draws=draws, level=level, seed=seed
  )
  precision = compare_precision(
    (a.clean, a.changed),
    (b.clean, b.changed),
    a.outcomes.conditions,
    names,
    level=level,
    seed=seed,
  )
  return dataclasses.replace(
    pair,
    clean=precision.clean,
    changed=precision.mpc,
    balanced_clean=None,
    balanced_changed=None,
  )
