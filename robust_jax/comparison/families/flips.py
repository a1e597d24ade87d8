"""Flips along both axes."""

import functools

import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation

_AXES = {"horizontal": (2,), "vertical": (1,), "both": (1, 2)}
_WORDS = {
  "horizontal": "left and right exchanged",
  "vertical": "top and bottom exchanged",
  "both": "turned upside down",
}


def flips(shapes: Shapes) -> Family:
  """Horizontal flip, vertical flip, and both.

  Used only where it is named: many objects have a different mirror image, and
  most are never seen upside down.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> [t.name for t in families.flips([(28, 28, 1)]).transformations]
    ['horizontal', 'vertical', 'both']
  """
  del shapes
  return Family(
    "Mirror images: left and right exchanged, top and bottom, and both.",
    [
      Transformation(
        name,
        functools.partial(flipped, axes=axes),
        (1,),
        (_WORDS[name],),
        on_host=True,
        moves=functools.partial(flipped_points, axes=axes),
      )
      for name, axes in _AXES.items()
    ],
    by_default=False,
  )


def flipped(
  images: np.ndarray, level: int, axes: tuple[int, ...]
) -> np.ndarray:
  """Reverses images along rows (axis 1), columns (axis 2) or both."""
  del level
  return np.ascontiguousarray(np.flip(images, axes))


def flipped_points(
  keys: None,
  images: np.ndarray,
  level: int,
  points: np.ndarray,
  axes: tuple[int, ...],
) -> np.ndarray:
  """Returns where `flipped` takes points; see `corruptions.base.PointMap`."""
  del keys, level
  moved = points.copy()
  for axis in axes:
    place = 2 - axis  # points are (right, down)
    moved[..., place] = images.shape[axis] - points[..., place]
  return moved
