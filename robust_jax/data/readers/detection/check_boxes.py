"""Checks of boxes as they are read from files or returned by detectors."""

from collections.abc import Mapping

import numpy as np

from robust_jax import boxes as geometry
from robust_jax.boxes import Annotations

CLIPPED = "boxes reach out of the image, clipped"
OUTSIDE = "boxes outside of the image, left out"
EMPTY = "boxes without area, left out"

# Pixels by which boxes leave the image where a file rounds its numbers.
_ROUNDING = 0.1
# Fraction of the image by which a box may leave it and still be plausible.
_SLACK = 0.02
# Fewer boxes prove nothing.
_LEAST = 4
# Fractions of boxes: that a file has wrong, and only one of another form has.
_SOME, _MANY = 0.02, 0.25


def clean(
  boxes: np.ndarray,
  classes: np.ndarray,
  ignored: np.ndarray,
  height: int,
  width: int,
) -> tuple[Annotations, list[str]]:
  """Clips boxes to their image, and leaves out those that are none.

  Args:
    boxes: float `[n, 4]`, in pixels.
    classes: int `[n]`.
    ignored: bool `[n]`.
    height: height of the image.
    width: its width.

  Returns:
    The annotations, and a phrase for each kind of change.

  Raises:
    ValueError: a box is not finite.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.readers.detection import check_boxes
    >>> box, one = np.array([[-5.0, 0.0, 9.0, 9.0]]), np.array([1])
    >>> found, changed = check_boxes.clean(box, one, one == 0, 8, 32)
    >>> found.boxes.tolist(), changed
    ([[0.0, 0.0, 9.0, 8.0]], ['boxes reach out of the image, clipped'])
  """
  if not np.isfinite(boxes).all():
    raise ValueError("a box has coordinates that are not finite.")
  boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
  clipped = geometry.clip(boxes, height, width)
  empty = geometry.area(boxes) == 0
  outside = ~empty & (geometry.area(clipped) == 0)
  reach = np.abs(boxes - clipped).max(axis=1, initial=0) > _ROUNDING
  kept = ~empty & ~outside
  changed = [
    phrase
    for phrase, found in (
      (CLIPPED, reach & kept),
      (OUTSIDE, outside),
      (EMPTY, empty),
    )
    if found.any()
  ]
  annotations = Annotations(
    clipped[kept],
    np.asarray(classes, np.int64)[kept],
    np.asarray(ignored, bool)[kept],
  )
  return annotations, changed


def refuse_another_form(
  name: str, form: str, boxes: np.ndarray, others: Mapping[str, np.ndarray]
) -> None:
  """Refuses boxes that are implausible in their form and plausible in another.

  A box is implausible if a side is negative or it leaves the image by 2 %.

  Args:
    name: name of the file or model in the message.
    form: words for the form that is expected.
    boxes: float `[n, 4]`, corners as fractions of the image, if the numbers are
      of that form.
    others: words for another form -> the corners if the numbers are of it.

  Raises:
    ValueError: more than a quarter of the boxes are implausible, and at most
      2 % are in another form.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.readers.detection import check_boxes
    >>> corners = np.tile([0.5, 0.6, 0.8, 0.9], (9, 1))
    >>> sizes = np.tile([0.5, 0.6, 1.3, 1.5], (9, 1))
    >>> check_boxes.refuse_another_form(
    ...   "a.json", "left, top, width, height", sizes, {"corners": corners}
    ... )
    Traceback (most recent call last):
    ValueError: a.json: as left, top, width, height, 100 % of 9 boxes ...
  """
  implausible = _implausible(boxes)
  if len(boxes) < _LEAST or implausible.mean() <= _MANY:
    return
  for other, corners in others.items():
    if _implausible(corners).mean() <= _SOME:
      raise ValueError(
        f"{name}: as {form}, {100 * implausible.mean():.0f} % of "
        f"{len(boxes):,} boxes leave their images or have a negative side, and "
        f"as {other} hardly any does: expected {form}."
      )


def refuse_fractions(name: str, boxes: np.ndarray) -> None:
  """Refuses corners in pixels `[n, 4]` that are all within one pixel.

  Raises:
    ValueError: they look like fractions of the image.
  """
  if len(boxes) < _LEAST or boxes.min() < 0:
    return
  if 0 < boxes.max() <= 1 + _SLACK:
    raise ValueError(
      f"{name}: all {len(boxes):,} boxes lie within the first pixel, as "
      "fractions of the image would: expected pixels."
    )


def _implausible(corners: np.ndarray) -> np.ndarray:
  low, high = corners[:, :2], corners[:, 2:]
  found = (low < -_SLACK) | (high > 1 + _SLACK) | (high < low)
  return np.any(found, axis=1)
