"""Operating point of a detector, and the objects that it finds there."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.statistics.detection.match import Matches


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
  """A threshold of scores, and what is found at or above it, in percent.

  Attributes:
    threshold: the score.
    precision: fraction of the detections that are true.
    recall: fraction of the annotations that are found.
    f1: harmonic mean of both.
  """

  threshold: float
  precision: float
  recall: float
  f1: float


def operating_point(images: Sequence[Matches]) -> OperatingPoint:
  """The threshold of best F1 over all classes, at an IoU of 0.5.

  With t true detections among d at or above a threshold, and n annotations:
  `F1 = 2 t / (d + n)`. Detections that are ignored are not among the d. Of
  thresholds that are equally good the highest one is taken.

  Args:
    images: matches of images without a change.

  Returns:
    An `OperatingPoint`.

  Raises:
    ValueError: no detection is true.

  Source: van Rijsbergen 1979, "Information Retrieval", chapter 7, for F1.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations, Detections
    >>> from robust_jax.statistics.detection.found import operating_point
    >>> from robust_jax.statistics.detection.match import match
    >>> box, one = np.array([[0, 0, 10, 10]], np.float32), np.zeros(1, np.int64)
    >>> boxes = np.concatenate([box, box + 30])  # the second is false
    >>> found = Detections(boxes, np.array([0.9, 0.3]), np.zeros(2, np.int64))
    >>> truth = Annotations(box, one, np.zeros(1, bool))
    >>> operating_point([match(truth, found)])
    OperatingPoint(threshold=0.9, precision=100.0, recall=100.0, f1=100.0)
  """
  scores, true = scores_and_truth(images)
  if not true.any():
    raise ValueError(
      f"none of {len(true)} detections in {len(images)} images is true, so "
      "that no threshold of scores is better than another: expected at least "
      "one. Are classes in the order of the model, and boxes in pixels?"
    )
  objects = sum(int(image.counted[0].sum()) for image in images)
  order = np.argsort(-scores, kind="stable")
  scores, num_true = scores[order], np.cumsum(true[order])
  num_found = np.arange(1, len(scores) + 1)
  # Equal scores are found together.
  last = np.append(scores[1:] < scores[:-1], True)
  f1 = np.where(last, 2 * num_true / (num_found + objects), 0)
  best = int(f1.argmax())
  return OperatingPoint(
    threshold=float(scores[best]),
    precision=100 * float(num_true[best] / num_found[best]),
    recall=100 * float(num_true[best] / objects),
    f1=100 * float(f1[best]),
  )


def scores_and_truth(
  images: Sequence[Matches],
) -> tuple[np.ndarray, np.ndarray]:
  """Scores of all detections that are not ignored, and which are true.

  They are what the calibration of a detector is measured on: is a fraction s
  of the detections of score s true?

  Args:
    images: matches, of which those of all sizes at an IoU of 0.5 are used.

  Returns:
    Scores `[M]`, and bool `[M]`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations, Detections
    >>> from robust_jax.statistics.calibration import calibration_of_events
    >>> from robust_jax.statistics.detection.found import scores_and_truth
    >>> from robust_jax.statistics.detection.match import match
    >>> box, one = np.array([[0, 0, 10, 10]], np.float32), np.zeros(1, np.int64)
    >>> truth = Annotations(box, one, np.zeros(1, bool))
    >>> matches = match(truth, Detections(box, np.array([0.75]), one))
    >>> calibration_of_events(*scores_and_truth([matches])).ece
    0.25
  """
  used = [~image.ignored[0, 0] for image in images]
  scores = [image.scores[u] for image, u in zip(images, used, strict=True)]
  true = [
    image.matched[0, 0][u] >= 0 for image, u in zip(images, used, strict=True)
  ]
  return np.concatenate(scores), np.concatenate(true)


class Found(NamedTuple):
  """Objects of one image that are found at or above a threshold of scores.

  Attributes:
    found: bool `[n]`, annotations that are counted and matched by a detection
      of their class, at an IoU of 0.5.
    counted: bool `[n]`, annotations that are not ignored.
    classes: int64 `[n]`.
    false_positives: number of detections that match no annotation.
  """

  found: np.ndarray
  counted: np.ndarray
  classes: np.ndarray
  false_positives: int


def found(matches: Matches, threshold: float) -> Found:
  """Returns which objects of an image are found at or above a threshold.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations, Detections
    >>> from robust_jax.statistics.detection.found import found
    >>> from robust_jax.statistics.detection.match import match
    >>> box, one = np.array([[0, 0, 10, 10]], np.float32), np.zeros(1, np.int64)
    >>> truth = Annotations(box, one, np.zeros(1, bool))
    >>> matches = match(truth, Detections(box, np.array([0.9]), one))
    >>> found(matches, 0.5).found.tolist(), found(matches, 0.95).found.tolist()
    ([True], [False])
  """
  counted = matches.counted[0]
  used = (matches.scores >= threshold) & ~matches.ignored[0, 0]
  matched = matches.matched[0, 0, used]
  is_found = np.zeros(len(counted), bool)
  is_found[matched[matched >= 0]] = True
  return Found(
    is_found, counted, matches.annotated_classes, int((matched < 0).sum())
  )
