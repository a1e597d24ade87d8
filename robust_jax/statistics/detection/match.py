"""Matching of an image's detections with its annotations, as COCO does."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax import boxes
from robust_jax.boxes import Annotations, Detections

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""IoU from which a detection may match an annotation: 0.50, 0.55, ..., 0.95."""

SIZES = {
  "all": (0.0, 1e10),
  "small": (0.0, 32.0**2),
  "medium": (32.0**2, 96.0**2),
  "large": (96.0**2, 1e10),
}
"""Ranges of areas in square pixels; both ends belong to a range."""


class Matches(NamedTuple):
  """Matches of m detections with n annotations of one image.

  A detection with a score of s or more is true or false whatever other
  detections have lower scores, so that one record serves every threshold of
  scores. It serves any weighting of images as well.

  Attributes:
    order: int64 `[m]`, places of the detections in their `Detections`, by
      decreasing score.
    scores: `[m]`, decreasing.
    classes: int64 `[m]`.
    matched: int16 `[sizes, thresholds, m]`, the annotation that each detection
      matches, or -1.
    ignored: bool `[sizes, thresholds, m]`, detections that are neither true nor
      false.
    annotated_classes: int64 `[n]`.
    counted: bool `[sizes, n]`, annotations to be found.
  """

  order: np.ndarray
  scores: np.ndarray
  classes: np.ndarray
  matched: np.ndarray
  ignored: np.ndarray
  annotated_classes: np.ndarray
  counted: np.ndarray


def match_images(
  annotations: Sequence[Annotations], detections: Sequence[Detections]
) -> list[Matches]:
  """Matches the detections in each image with its annotations, see `match`.

  Args:
    annotations: the objects of each image.
    detections: the detections in each image, in the same order.
  """
  images = zip(annotations, detections, strict=True)
  return [match(*image) for image in images]


def match(
  annotations: Annotations,
  detections: Detections,
  *,
  max_detections: int = 100,
) -> Matches:
  """Matches detections with annotations at all IoUs and ranges of sizes.

  Within each class, detections choose in the order of their scores. Each takes
  the annotation of largest IoU, `|d & a| / |d | a|`, among those that are
  counted, not taken yet, and of at least the threshold; if there is none, the
  same among annotations that are ignored or outside the range of sizes, and
  then the detection is ignored as well. For ignored annotations the IoU is
  `|d & a| / |d|`, and they can be taken many times. Detections that match
  nothing are ignored if they are outside the range of sizes themselves, and
  false otherwise. Of equal scores the first comes first, of equal IoUs the last
  annotation is taken. IoUs are computed in float64.

  Args:
    annotations: the objects of an image.
    detections: detections in the same image; none should have been left out
      for a low score.
    max_detections: number of detections of each class that are used, those of
      highest scores.

  Returns:
    `Matches`.

  Raises:
    ValueError: shapes do not match, values are not finite, or max_detections is
      below 1.

  Source: Lin et al. 2014, "Microsoft COCO", and the code of pycocotools'
    `COCOeval`, which this agrees with for every detection.
  Deviation: the area of an annotation is that of its box. COCO's files may give
    that of a mask.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations, Detections
    >>> from robust_jax.statistics.detection.match import match
    >>> box = np.array([[0, 0, 10, 10]], np.float32)
    >>> one = np.zeros(1, np.int64)
    >>> found = Detections(box, np.array([0.9]), one)
    >>> matches = match(Annotations(box, one, np.zeros(1, bool)), found)
    >>> matches.matched[0, :, 0].tolist()  # annotation 0 at all thresholds
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  """
  _check(annotations, detections, max_detections)
  order = _kept(detections, max_detections)
  classes = detections.classes[order]
  found = detections.boxes[order].astype(float)
  objects = annotations.boxes.astype(float)
  counted = ~annotations.ignored & _inside(boxes.area(objects))
  ious = _ious(found, objects, annotations.ignored)
  ious[classes[:, None] != annotations.classes] = 0
  matched = _choose(ious, counted, annotations.ignored)
  # The last column is that of -1, no annotation.
  uncounted = np.pad(~counted, ((0, 0), (0, 1)))[:, None, :]
  outside = ~_inside(boxes.area(found))[:, None, :]
  ignored = np.take_along_axis(uncounted, matched.astype(int), axis=2)
  return Matches(
    order=order,
    scores=detections.scores[order],
    classes=classes,
    matched=matched,
    ignored=ignored | ((matched < 0) & outside),
    annotated_classes=annotations.classes,
    counted=counted,
  )


def joined(images: Sequence[NamedTuple], name: str) -> np.ndarray:
  """Puts a field of the records of images together, along its last axis."""
  return np.concatenate([getattr(image, name) for image in images], axis=-1)


def _kept(detections, max_detections):
  order = np.argsort(-detections.scores, kind="stable")
  if len(order) <= max_detections:
    return order
  classes = detections.classes[order]
  kept = [
    np.flatnonzero(classes == one)[:max_detections]
    for one in np.unique(classes)
  ]
  return order[np.sort(np.concatenate(kept))]


def _inside(areas):
  """Returns `[sizes, n]` of areas `[n]`."""
  low, high = np.array([*SIZES.values()]).T[:, :, None]
  return (low <= areas) & (areas <= high)


def _ious(found, objects, ignored):
  shared = boxes.overlap(found, objects)
  found_areas = boxes.area(found)[:, None]
  union = found_areas + boxes.area(objects) - shared
  whole = np.where(ignored, found_areas, union)
  return shared / np.where(shared > 0, whole, 1)


def _choose(ious, counted, ignored):
  """Returns annotations `[sizes, thresholds, m]` of IoUs `[m, n]`."""
  shape = (len(SIZES), len(THRESHOLDS))
  matched = np.full((*shape, len(ious)), -1, np.int16)
  free = np.ones((*shape, ious.shape[1]), bool)
  reachable = ious >= THRESHOLDS[0]
  for detection in np.flatnonzero(reachable.any(axis=1)):
    # From the last to the first, since of equal ones argmax takes the first.
    near = np.flatnonzero(reachable[detection])[::-1]
    iou = ious[detection, near]
    possible = free[..., near] & (iou >= THRESHOLDS[:, None])
    preferred = possible & counted[:, None, near]
    has_preferred = preferred.any(axis=-1, keepdims=True)
    possible = np.where(has_preferred, preferred, possible)
    best = near[np.where(possible, iou, 0).argmax(axis=-1)]
    hits = possible.any(axis=-1)
    matched[hits, detection] = best[hits]
    free[(*np.nonzero(hits), best[hits])] = ignored[best[hits]]
  return matched


def _check(annotations, detections, max_detections):
  if max_detections < 1:
    raise ValueError(f"max_detections = {max_detections}: expected 1 or more.")
  for name, record, others in (
    ("annotations", annotations, ("classes", "ignored")),
    ("detections", detections, ("scores", "classes")),
  ):
    shape = record.boxes.shape
    shapes = [getattr(record, other).shape for other in others]
    if shape[1:] != (4,) or shapes != [shape[:1]] * 2:
      raise ValueError(
        f"{name} with boxes of shape {shape}, {others[0]} {shapes[0]} and "
        f"{others[1]} {shapes[1]}: expected [n, 4], [n] and [n]."
      )
  for name, values in (
    ("boxes of annotations", annotations.boxes),
    ("boxes of detections", detections.boxes),
    ("scores", detections.scores),
  ):
    if not np.isfinite(values).all():
      raise ValueError(
        f"{name} have {int((~np.isfinite(values)).sum())} values that are not "
        "finite: expected numbers."
      )
