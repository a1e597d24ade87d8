"""Measurements of a detector on changed images."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robust_jax.boxes import Annotations, Detections
from robust_jax.statistics.bootstrap import bootstrap
from robust_jax.statistics.detection.average_precision import (
  average_precision,
)
from robust_jax.statistics.detection.box_outcomes import box_outcomes
from robust_jax.statistics.detection.changed_detections import (
  CHANGES,
  changed_detections,
)
from robust_jax.statistics.detection.found import (
  Found,
  found,
  operating_point,
)
from robust_jax.statistics.detection.match import Matches, match_images
from robust_jax.statistics.detection.ranking import rank
from robust_jax.statistics.outcomes import Condition
from robust_jax.statistics.risk import risk

Measured = dict[str, Any]
"""Name of a measure -> `Estimate` as a dictionary."""


class CleanDetections:
  """Detections in N images without a change, and measures beside them.

  Attributes:
    truth: objects of the images.
    point: the operating point, of best F1.

  Raises:
    ValueError: nothing that it finds is true.
  """

  def __init__(
    self,
    truth: Sequence[Annotations],
    detections: Sequence[Detections],
    num_classes: int,
  ):
    self.truth, self._num_classes = truth, num_classes
    self._matches = match_images(truth, detections)
    self.point = operating_point(self._matches)
    self._above = [self.above(one) for one in detections]

  def above(self, detections: Detections) -> Detections:
    """Returns the detections at the operating point."""
    used = detections.scores >= self.point.threshold
    return Detections(*(part[used] for part in detections))

  def precision(self) -> Measured:
    """Returns "ap" and "ap50", in percent."""
    return self._precision(self._matches)

  def under(self, changed: Sequence[Detections]) -> Measured:
    """Measures detections in the same images under a change.

    Returns:
      "ap" and "ap50"; "risk", the percentage of the objects found without the
      change that are lost; and of the detections at the operating point the
      numbers per image of `CHANGES`. Images are resampled whole.
    """
    matches = match_images(self.truth, changed)
    ids = [str(i) for i in range(len(self.truth))]
    outcomes = box_outcomes(
      ids,
      self._found(self._matches),
      [self._found(matches)],
      [Condition("attack", "attack", 1)],
    )
    lost = risk(outcomes).overall.risk
    return (
      self._precision(matches)
      | {"risk": dataclasses.asdict(lost)}
      | self._changes(changed)
    )

  def _precision(self, matches: Sequence[Matches]) -> Measured:
    report = average_precision(rank(matches, self._num_classes)).overall
    measures = {"ap": report.ap, "ap50": report.ap50}
    return {
      name: dataclasses.asdict(one) for name, one in measures.items() if one
    }

  def _found(self, matches: Sequence[Matches]) -> list[Found]:
    return [found(one, self.point.threshold) for one in matches]

  def _changes(self, changed: Sequence[Detections]) -> Measured:
    pairs = zip(self._above, map(self.above, changed), strict=True)
    counts = np.array(
      [
        [*changed_detections(*map(_as_objects, pair)).values()]
        for pair in pairs
      ]
    )
    means = bootstrap(counts, lambda sums: sums / len(counts))
    return {
      name: dataclasses.asdict(means.estimate(i))
      for i, name in enumerate(CHANGES)
    }


def annotations(y: Mapping[str, np.ndarray]) -> list[Annotations]:
  """Returns the objects of each image of a batch, without padding."""
  rows = zip(y["boxes"], y["classes"], y["present"] > 0, strict=True)
  return [
    Annotations(boxes[here], classes[here].astype(np.int64), ~here[here])
    for boxes, classes, here in rows
  ]


def detections(found: Mapping[str, np.ndarray]) -> list[Detections]:
  """Returns the detections of each image, without padding."""
  rows = zip(found["boxes"], found["scores"], found["classes"], strict=True)
  return [
    Detections(boxes[scores > 0], scores[scores > 0], classes[scores > 0])
    for boxes, scores, classes in rows
  ]


def _as_objects(detections: Detections) -> dict[str, np.ndarray]:
  boxes, scores, classes = detections
  present = np.ones_like(scores)
  return {"boxes": boxes, "classes": classes, "present": present}
