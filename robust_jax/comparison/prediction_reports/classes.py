"""Classes: statistics and failures of predicted classes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robust_jax.comparison.cases import Case, Cases
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_kinds.classes import ClassPredictions
from robust_jax.comparison.prediction_reports._agreement import agreement
from robust_jax.comparison.prediction_reports._all_models import (
  all_coverage,
  all_pairs,
  identical_models,
)
from robust_jax.comparison.prediction_reports._failures import (
  most_confident_failures,
)
from robust_jax.comparison.prediction_reports._pixel_shift_map import (
  pixel_shift_map,
)
from robust_jax.comparison.prediction_reports._render_failures import (
  render_failure,
)
from robust_jax.comparison.prediction_reports.base import Failure, Measured
from robust_jax.comparison.prediction_reports.words import Words
from robust_jax.corruptions.suites import IMAGENET_C
from robust_jax.statistics.calibration import calibration
from robust_jax.statistics.mean_corruption_error import (
  Baseline,
  mean_corruption_error,
)
from robust_jax.statistics.outcomes import Outcomes, from_predictions
from robust_jax.statistics.risk import risk
from robust_jax.statistics.risk_by_slice import risk_by_slice


class Classes:
  """Reports of predicted classes; a `PredictionReport`.

  Of each model there are class coverage, risk by class, calibration and
  corruption errors; of all models agreement, and the map of pixel shifts.

  Example:
    >>> from robust_jax.comparison.prediction_reports import Classes
    >>> Classes().words.units
    'examples'
  """

  words = Words()

  def measure(
    self,
    predictions: Mapping[str, Mapping[str, ClassPredictions]],
    examples: LoadedExamples,
    cases: Cases,
    *,
    baseline: str,
    level: float,
    seed: int,
  ) -> Measured:
    classes = {
      name: {case: given.classes for case, given in of.items()}
      for name, of in predictions.items()
    }
    outcomes = {
      name: _outcomes(of, examples, cases) for name, of in classes.items()
    }
    risks = {
      name: risk(one, level=level, seed=seed) for name, one in outcomes.items()
    }
    comparisons = all_pairs(outcomes, level, seed)
    clean = {name: of[CLEAN] for name, of in classes.items()}
    coverage = all_coverage(outcomes, clean, level, seed)
    errors = _corruption_errors(outcomes, baseline)
    return Measured(
      outcomes,
      risks,
      comparisons,
      coverage,
      accuracies=_accuracies(risks),
      identical=identical_models(
        {
          name: {case: (given.classes,) for case, given in of.items()}
          for name, of in predictions.items()
        }
      ),
      of_models={
        name: {
          "coverage": dataclasses.asdict(coverage[name]),
          "classes": _slices(one, examples, level, seed),
          "calibration": _calibration(predictions[name][CLEAN], examples),
          "corruption_error": errors.get(name),
        }
        for name, one in outcomes.items()
      },
      report={
        "agreement": [
          _agreement(pair, outcomes, classes, cases) for pair in comparisons
        ],
        "shift_maps": [m for m in [pixel_shift_map(classes)] if m is not None],
      },
    )

  def failures(
    self,
    outcomes: Outcomes,
    predictions: Mapping[str, ClassPredictions],
    examples: LoadedExamples,
    cases: Sequence[Case],
  ) -> list[Failure]:
    """Returns the most confident failures."""
    del examples
    return most_confident_failures(outcomes, predictions, cases)

  def render(
    self,
    failures: Mapping[str, Sequence[Failure]],
    models: Mapping[str, ComparedModel],
    examples: LoadedExamples,
    cases: Sequence[Case],
    predictions: Mapping[str, Mapping[str, ClassPredictions]],
    seed: int,
  ) -> dict[str, list[dict[str, Any]]]:
    return {
      name: [
        render_failure(
          one, models[name], examples, cases[one.case], predictions, seed
        )
        for one in found
      ]
      for name, found in failures.items()
    }


def _accuracies(risks):
  """Returns clean and changed accuracy of each model; none without labels."""
  return {
    name: (found.clean_accuracy, found.overall.accuracy)
    for name, found in risks.items()
    if found.labeled
  }


def _agreement(pair, outcomes, classes, cases):
  names = pair.a, pair.b
  arrays = tuple(_arrays(classes[name], cases) for name in names)
  found = agreement(*(outcomes[name] for name in names), arrays, pair)
  return dataclasses.asdict(found)


def _outcomes(classes, examples, cases) -> Outcomes:
  clean, transformed = _arrays(classes, cases)
  conditions = [case.condition for case in cases.cases]
  return from_predictions(
    examples.ids, clean, transformed, conditions, examples.labels
  )


def _arrays(classes, cases):
  transformed = [classes[case.name] for case in cases.cases]
  return classes[CLEAN], np.stack(transformed, axis=1)


def _slices(outcomes, examples, level, seed):
  if examples.labels is None:
    return None
  slices = risk_by_slice(outcomes, examples.labels, level=level, seed=seed)
  return [
    dataclasses.asdict(s) | {"name": examples.class_names[s.name]}
    for s in slices
  ]


def _calibration(clean, examples):
  """Returns the calibration on examples with a prediction; None for classes."""
  if examples.labels is None or not len(clean.probabilities):
    return None
  valid = clean.classes >= 0
  found = calibration(
    clean.probabilities[valid], examples.labels[valid], distribution=False
  )
  return dataclasses.asdict(found)


def _corruption_errors(outcomes, baseline):
  """Returns the errors of each model, if all corruptions were evaluated."""
  if not outcomes[baseline].labeled:
    return {}
  errors = {name: _errors(one) for name, one in outcomes.items()}
  if any(set(found) != set(IMAGENET_C) for found in errors.values()):
    return {}
  clean = {name: 1 - float(o.clean.mean()) for name, o in outcomes.items()}
  reference = Baseline(baseline, errors[baseline], clean[baseline])
  return {
    name: dataclasses.asdict(
      mean_corruption_error(found, clean[name], reference)
    )
    for name, found in errors.items()
  }


def _errors(outcomes):
  """Returns corruption -> error at each of its severities, in [0, 1]."""
  error = 1 - outcomes.transformed.mean(axis=0)
  found: dict[str, list[float]] = {}
  for c, value in zip(outcomes.conditions, error, strict=True):
    # MNIST-C has corruptions of the same names, at one severity.
    if c.transformation in IMAGENET_C and c.family != "mnist_c":
      found.setdefault(c.transformation, []).append(float(value))
  return found
