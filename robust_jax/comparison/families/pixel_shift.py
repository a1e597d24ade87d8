"""Shifts by one or two pixels."""

import functools
import itertools

import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation

REACH = 2
"""Largest shift in pixels, to each side."""

LARGEST_FRACTION = 0.05
"""Largest fraction of the shorter side at which one pixel should not matter."""


def pixel_shift(shapes: Shapes) -> Family:
  """All whole-pixel shifts of up to two pixels along both axes.

  Used only where it is named if `one_pixel` exceeds `LARGEST_FRACTION`.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> len(families.pixel_shift([(28, 28, 1)]).transformations)
    24
  """
  ways = range(-REACH, REACH + 1)
  return Family(
    "Moved by one or two whole pixels in any direction, the border repeated: "
    "hardly visible.",
    [
      Transformation(
        shift_name(dx, dy),
        functools.partial(shifted, dx=dx, dy=dy),
        (max(abs(dx), abs(dy)),),
        (_words(dx, dy),),
        on_host=True,
        moves=functools.partial(shifted_points, dx=dx, dy=dy),
      )
      for dy, dx in itertools.product(ways, ways)
      if dx or dy
    ],
    by_default=one_pixel(shapes) <= LARGEST_FRACTION,
  )


def one_pixel(shapes: Shapes) -> float:
  """Returns the fraction of an image's shorter side that one pixel is.

  On images of fewer than 20 pixels, a shift by one moves the content by nearly
  as much as the third of the five levels of `geometry`, so it may matter.
  """
  return 1 / min(min(height, width) for height, width, _ in shapes)


def _words(dx, dy):
  parts = [
    f"{abs(way)} {side[way > 0]}"
    for way, side in ((dx, ("left", "right")), (dy, ("up", "down")))
    if way
  ]
  return f"pixels: {' and '.join(parts)}"


def shift_name(dx: int, dy: int) -> str:
  """Returns the name of the shift by dx pixels to the right and dy down."""
  return f"shift({dx:+d},{dy:+d})"


def shifted(images: np.ndarray, level: int, dx: int, dy: int) -> np.ndarray:
  """Shifts images by dx to the right and dy down; the border is repeated."""
  del level
  rows = np.clip(np.arange(images.shape[1]) - dy, 0, images.shape[1] - 1)
  columns = np.clip(np.arange(images.shape[2]) - dx, 0, images.shape[2] - 1)
  return images[:, rows][:, :, columns]


def shifted_points(
  keys: None,
  images: np.ndarray,
  level: int,
  points: np.ndarray,
  dx: int,
  dy: int,
) -> np.ndarray:
  """Returns where `shifted` takes points; see `corruptions.base.PointMap`."""
  del keys, images, level
  return points + np.array([dx, dy], points.dtype)
