"""Measurement of one detector in all cases."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from robust_jax import boxes
from robust_jax.boxes import Annotations
from robust_jax.comparison.cases import Case
from robust_jax.comparison.data_kinds.annotated_images import AnnotatedImages
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN
from robust_jax.comparison.prediction_kinds.detections import (
  DetectionPredictions,
)
from robust_jax.comparison.prediction_reports._detector_measures import (
  DRAWS,
  DetectorMeasures,
  labels_of,
)
from robust_jax.statistics.calibration import calibration_of_events
from robust_jax.statistics.class_coverage import (
  ClassCoverage,
  never_correct,
)
from robust_jax.statistics.detection.average_precision import (
  draw_precision,
)
from robust_jax.statistics.detection.box_outcomes import box_outcomes
from robust_jax.statistics.detection.error_kinds import (
  error_kinds,
)
from robust_jax.statistics.detection.found import (
  found,
  operating_point,
  scores_and_truth,
)
from robust_jax.statistics.detection.match import SIZES, match_images
from robust_jax.statistics.detection.ranking import rank
from robust_jax.statistics.outcomes import Outcomes


def measure_detector(
  predictions: Mapping[str, DetectionPredictions],
  truth: Mapping[str, Sequence[Annotations]],
  examples: LoadedExamples,
  cases: Sequence[Case],
  seed: int,
) -> DetectorMeasures:
  """Measures one detector in all cases.

  Args:
    predictions: its predictions by the name of the case.
    truth: annotations of the images by the name of the case.
    examples: the N examples.
    cases: the T cases.
    seed: seed of the draws.

  Raises:
    ValueError: no detection in clean images is true.
  """
  detections = predictions[CLEAN].images()
  clean = match_images(truth[CLEAN], detections)
  point = operating_point(clean)
  num_classes = len(examples.class_names)
  ranking = rank(clean, num_classes)
  here = lambda matches: [found(one, point.threshold) for one in matches]
  changed, errors, draws = [], [], []
  for name in (case.name for case in cases):
    shown = predictions[name].images()
    matches = match_images(truth[name], shown)
    changed.append(here(matches))
    errors.append(_errors(truth[name], shown, matches, point))
    ranked = rank(matches, num_classes)
    draws.append(draw_precision(ranked, draws=DRAWS, seed=seed))
  outcomes = box_outcomes(
    examples.ids, here(clean), changed, [case.condition for case in cases]
  )
  return DetectorMeasures(
    outcomes=outcomes,
    point=point,
    ranking=ranking,
    clean=draw_precision(ranking, draws=DRAWS, seed=seed),
    changed=draws,
    errors=_errors(truth[CLEAN], detections, clean, point),
    changed_errors=np.stack(errors, axis=1),
    sizes=_sizes(truth[CLEAN]),
    calibration=_calibration(clean),
  )


def annotations_of(
  examples: LoadedExamples, cases: Sequence[Case], seed: int
) -> dict[str, list[Annotations]]:
  """Returns the annotations of all images, by the name of the case."""
  kind = cast(AnnotatedImages, examples.kind)
  found = {CLEAN: examples.truth}
  for case in cases:
    moved: list[Any] = [None] * len(examples.ids)
    for group in examples.groups:
      for start in range(0, len(group.rows), group.batch_size):
        part = slice(start, start + group.batch_size)
        annotations = kind.annotations(
          case.transformation,
          group.inputs[part],
          group.numbers[part],
          case.level,
          seed,
          group.batch_size,
        )
        for row, one in zip(group.rows[part], annotations, strict=True):
          moved[row] = one
    found[case.name] = moved
  return found


def class_coverage_of(
  outcomes: Outcomes, clean: DetectionPredictions
) -> ClassCoverage:
  """Returns the classes of which no object is found; nothing is guessed."""
  return ClassCoverage(
    predicted=len(np.unique(clean.classes)),
    largest_class=None,
    largest_fraction=None,
    num_classes=len(np.unique(labels_of(outcomes))),
    balanced_accuracy=None,
    never_correct=never_correct(outcomes),
    p_guessing=None,
    guesses=False,
  )


def _errors(annotations, detections, matches, point) -> np.ndarray:
  images = zip(annotations, detections, matches, strict=True)
  return np.stack([error_kinds(*image, point.threshold) for image in images])


def _sizes(annotations) -> np.ndarray:
  """Returns the name of the size of each object that counts."""
  counted = [one.boxes[~one.ignored] for one in annotations]
  names = [name for name in SIZES if name != "all"]
  ends = [SIZES[name][1] for name in names[:-1]]
  areas = boxes.area(np.concatenate(counted).astype(float))
  return np.array(names)[np.searchsorted(ends, areas)]


def _calibration(clean) -> dict[str, Any] | None:
  scores, true = scores_and_truth(clean)
  if not len(scores) or scores.min() < 0 or scores.max() > 1:
    return None
  return dataclasses.asdict(calibration_of_events(scores, true))
