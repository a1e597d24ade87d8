"""Detections: statistics and failures of detectors."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from robust_jax.comparison.cases import Case, Cases
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_kinds.detections import (
  DetectionPredictions,
)
from robust_jax.comparison.prediction_reports._all_models import (
  identical_models,
)
from robust_jax.comparison.prediction_reports._compare_detectors import (
  compare_detectors,
)
from robust_jax.comparison.prediction_reports._measure_detector import (
  annotations_of,
  class_coverage_of,
  measure_detector,
)
from robust_jax.comparison.prediction_reports._render_boxes import render_boxes
from robust_jax.comparison.prediction_reports._worst_images import worst_images
from robust_jax.comparison.prediction_reports.base import Failure, Measured
from robust_jax.comparison.prediction_reports.words import Words
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.risk import risk


class Detections:
  """Reports of detections; a `PredictionReport`.

  The examples are the annotated objects of all images: a model is right
  about one if it finds it at its own threshold of scores. Accuracy is average
  precision, which has no threshold.

  Example:
    >>> from robust_jax.comparison.prediction_reports import Detections
    >>> Detections().words.accuracy
    'AP'
  """

  words = Words(
    unit="object",
    units="objects",
    clean_units="objects",
    is_right="finds",
    are_right="find",
    correctly=" in clean images",
    lost="objects found in clean images that are lost",
    accuracy="AP",
    accuracies="AP {clean:.1f} % of clean images, {changed:.1f} % of changed",
    identical="find the same objects",
  )

  def measure(
    self,
    predictions: Mapping[str, Mapping[str, DetectionPredictions]],
    examples: LoadedExamples,
    cases: Cases,
    *,
    baseline: str,
    level: float,
    seed: int,
  ) -> Measured:
    del baseline
    truth = annotations_of(examples, cases.cases, seed)
    found = {
      name: measure_detector(of, truth, examples, cases.cases, seed)
      for name, of in predictions.items()
    }
    outcomes = {name: one.outcomes for name, one in found.items()}
    risks = {
      name: risk(one, level=level, seed=seed) for name, one in outcomes.items()
    }
    return Measured(
      outcomes,
      risks,
      comparisons=compare_detectors(found, level, seed),
      coverage={
        name: class_coverage_of(one, predictions[name][CLEAN])
        for name, one in outcomes.items()
      },
      accuracies={
        name: (precision.clean.value, precision.mpc.value)
        for name, one in found.items()
        if (precision := one.precision("ap", level))
      },
      identical=identical_models(
        {
          name: {case: shown[:4] for case, shown in of.items()}
          for name, of in predictions.items()
        }
      ),
      of_models={
        name: {
          "detection": one.report(examples.class_names, level, seed),
          "calibration": one.calibration,
          "classes": None,
          "coverage": dataclasses.asdict(
            class_coverage_of(one.outcomes, predictions[name][CLEAN])
          ),
          "corruption_error": None,
        }
        for name, one in found.items()
      },
      report={"agreement": [], "shift_maps": []},
    )

  def failures(
    self,
    outcomes: Outcomes,
    predictions: Mapping[str, DetectionPredictions],
    examples: LoadedExamples,
    cases: Sequence[Case],
  ) -> list[Failure]:
    """Returns the images in which most objects are lost."""
    del predictions, examples
    return worst_images(outcomes, cases)

  def render(
    self,
    failures: Mapping[str, Sequence[Failure]],
    models: Mapping[str, ComparedModel],
    examples: LoadedExamples,
    cases: Sequence[Case],
    predictions: Mapping[str, Mapping[str, DetectionPredictions]],
    seed: int,
  ) -> dict[str, list[dict[str, Any]]]:
    return render_boxes(failures, models, examples, cases, predictions, seed)
