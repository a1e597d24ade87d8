"""Boxes that move with the pixels of changed images."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import boxes as geometry
from robust_jax.boxes import Annotations
from robust_jax.comparison.transformation import Transformation
from robust_jax.corruptions.base import PointMap
from robust_jax.corruptions.random import image_keys
from robust_jax.types import AnyArray

VISIBLE = 0.3
"""Fraction of a moved box that must lie in the image for it to be judged."""

# Points on each side of a box, and a number that counts of boxes are rounded up
# to, so that few programs are compiled.
_POINTS, _BOXES = 16, 16


def move_annotations(
  transformation: Transformation,
  annotations: Sequence[Annotations],
  shape: tuple[int, int, int],
  numbers: np.ndarray,
  level: int,
  seed: int,
  batch_size: int,
) -> list[Annotations]:
  """Moves the boxes of a batch of images as the images are changed.

  A moved box encloses the outline of the original one, and is clipped to the
  image. It becomes ignored where less than 30 % of it lies in the image, and
  is (0, 0, 0, 0) where nothing does. Number and order of boxes are kept.

  A box that encloses a rotated object is larger than the object's own: that of
  a square by a third of its area at 10 degrees. So changes that rotate are to
  be judged at an IoU of 0.5.

  Args:
    transformation: the transformation; without `moves`, boxes stay.
    annotations: objects of B <= batch_size images.
    shape: (H, W, C) of the images.
    numbers: uint32 `[B]`, the `example_number` of each image.
    level: one of `transformation.levels`.
    seed: seed of the whole evaluation.
    batch_size: size of a whole batch; see `DataKind.transform`.

  Returns:
    The objects of each changed image.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations
    >>> from robust_jax.comparison import families
    >>> from robust_jax.comparison.move_boxes import move_annotations
    >>> flip = families.flips([(8, 20, 3)]).transformations[0]
    >>> box = np.array([[1, 2, 5, 6]], np.float32)
    >>> objects = Annotations(box, np.array([0]), np.array([False]))
    >>> number = np.zeros(1, np.uint32)
    >>> (moved,) = move_annotations(
    ...   flip, [objects], (8, 20, 3), number, 1, 0, batch_size=1
    ... )
    >>> moved.boxes.tolist()
    [[15.0, 2.0, 19.0, 6.0]]
  """
  most = max((len(one.boxes) for one in annotations), default=0)
  if transformation.moves is None or not most:
    return list(annotations)
  count = -(-most // _BOXES) * _BOXES
  padded = np.zeros((batch_size, count, 4), np.float32)
  for place, one in zip(padded, annotations, strict=False):
    place[: len(one.boxes)] = one.boxes
  points = _outlines(padded).reshape(batch_size, -1, 2)
  x = jax.ShapeDtypeStruct((batch_size, *shape), np.float32)
  if transformation.on_host:
    moved = transformation.moves(None, x, level, points)
  else:
    moved = _program(
      transformation.moves,
      transformation.name,
      x,
      np.pad(numbers, (0, batch_size - len(numbers)), "edge"),
      level,
      seed,
      points,
    )
  outlines = np.asarray(moved).reshape(batch_size, count, -1, 2)
  low, high = outlines.min(axis=2), outlines.max(axis=2)
  enclosing = np.concatenate([low, high], axis=-1)
  return [
    _in_image(one, boxes[: len(one.boxes)], shape)
    for one, boxes in zip(annotations, enclosing, strict=False)
  ]


def _in_image(
  one: Annotations, moved: np.ndarray, shape: tuple[int, int, int]
) -> Annotations:
  """Clips moved boxes, and ignores those of which too little is left."""
  clipped = geometry.clip(moved, *shape[:2])
  left = geometry.area(clipped)
  hidden = left < VISIBLE * geometry.area(moved)
  boxes = np.where((left > 0)[:, None], clipped, np.float32(0))
  return Annotations(boxes, one.classes, one.ignored | hidden)


def _outlines(boxes: np.ndarray) -> np.ndarray:
  """Corners of boxes `[..., 4]` and points between them, `[..., 4 P, 2]`.

  Those between count where a map is not affine.
  """
  way = np.linspace(0, 1, _POINTS, endpoint=False, dtype=np.float32)
  near, far = np.zeros_like(way), np.ones_like(way)
  across = np.concatenate([way, far, 1 - way, near])
  down = np.concatenate([near, way, far, 1 - way])
  sides = boxes[..., None, 2:] - boxes[..., None, :2]
  return boxes[..., None, :2] + sides * np.stack([across, down], axis=-1)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _program(
  moves: PointMap,
  name: str,
  x: jax.ShapeDtypeStruct,
  numbers: jax.Array,
  level: int,
  seed: int,
  points: jax.Array,
) -> AnyArray:
  keys = image_keys(seed, numbers, name, level)
  return moves(keys, x, level, jnp.asarray(points))
