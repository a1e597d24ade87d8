"""Boxes around objects: records of them, and their geometry.

A box is (left, top, right, bottom) in pixels, with the pixel in row i and
column j covering the square from (j, i) to (j + 1, i + 1), so that the whole of
an image is (0, 0, W, H) and the area is (right - left) * (bottom - top), as in
COCO. The functions take NumPy and JAX arrays alike and return the same kind.
"""

from typing import Any, NamedTuple

import numpy as np

from robust_jax.types import AnyArray


class Annotations(NamedTuple):
  """The objects of one image, on the host.

  Attributes:
    boxes: float32 `[n, 4]`.
    classes: int64 `[n]`.
    ignored: bool `[n]`, regions that count neither as found nor as missed, and
      in which detections are not false, such as crowds in COCO and objects that
      a change of the image mostly hides.
  """

  boxes: np.ndarray
  classes: np.ndarray
  ignored: np.ndarray


class Detections(NamedTuple):
  """The objects that a detector finds in one image, on the host.

  Attributes:
    boxes: float32 `[m, 4]`.
    scores: float32 `[m]`, larger is more certain.
    classes: int64 `[m]`.
  """

  boxes: np.ndarray
  scores: np.ndarray
  classes: np.ndarray


class AnnotatedImage(NamedTuple):
  """An image, uint8 `[H, W, C]`, and its objects."""

  image: np.ndarray
  annotations: Annotations


def area(boxes: AnyArray) -> Any:
  """Returns areas `[...]` of boxes `[..., 4]`; 0 where a side is negative.

  Example:
    >>> import numpy as np
    >>> from robust_jax import boxes
    >>> float(boxes.area(np.array([1.0, 2.0, 4.0, 4.0])))
    6.0
  """
  width = boxes[..., 2] - boxes[..., 0]
  height = boxes[..., 3] - boxes[..., 1]
  return width.clip(0) * height.clip(0)


def clip(boxes: AnyArray, height: float, width: float) -> Any:
  """Returns the parts of boxes `[..., 4]` inside an image of a size.

  Example:
    >>> import numpy as np
    >>> from robust_jax import boxes
    >>> boxes.clip(np.array([-3.0, 2.0, 40.0, 9.0]), 8, 32).tolist()
    [0.0, 2.0, 32.0, 8.0]
  """
  xp = boxes.__array_namespace__()
  return boxes.clip(0, xp.asarray([width, height, width, height], boxes.dtype))


def from_corner_and_size(boxes: AnyArray) -> Any:
  """Returns boxes of (left, top, width, height), the form of COCO files.

  Example:
    >>> import numpy as np
    >>> from robust_jax import boxes
    >>> boxes.from_corner_and_size(np.array([1.0, 2.0, 3.0, 4.0])).tolist()
    [1.0, 2.0, 4.0, 6.0]
  """
  xp = boxes.__array_namespace__()
  return xp.concat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def to_corner_and_size(boxes: AnyArray) -> Any:
  """Returns (left, top, width, height), the inverse of the above."""
  xp = boxes.__array_namespace__()
  return xp.concat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def overlap(a: AnyArray, b: AnyArray) -> Any:
  """Returns the areas `[..., n, m]` that each of n boxes shares with each of m.

  Example:
    >>> import numpy as np
    >>> from robust_jax import boxes
    >>> box = np.array([[0.0, 0.0, 2.0, 2.0]])
    >>> boxes.overlap(box, box + 1).tolist()
    [[1.0]]
  """
  xp = a.__array_namespace__()
  low = xp.maximum(a[..., :, None, :2], b[..., None, :, :2])
  high = xp.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
  sides = (high - low).clip(0)
  return sides[..., 0] * sides[..., 1]


def iou(a: AnyArray, b: AnyArray) -> Any:
  """Intersection over union (IoU) of each of n boxes with each of m.

  Args:
    a: boxes `[..., n, 4]`.
    b: boxes `[..., m, 4]`.

  Returns:
    `[..., n, m]` in [0, 1]; 0 where both areas are 0.

  Example:
    >>> import numpy as np
    >>> from robust_jax import boxes
    >>> box = np.array([[0.0, 0.0, 2.0, 2.0]])
    >>> boxes.iou(box, np.array([[0.0, 0.0, 2.0, 4.0]])).tolist()
    [[0.5]]
  """
  shared = overlap(a, b)
  union = area(a)[..., :, None] + area(b)[..., None, :] - shared
  xp = a.__array_namespace__()
  return shared / xp.where(union > 0, union, 1)
