"""Moved by one pixel or two."""

import functools
import itertools

import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation

REACH = 2
"""Pixels, to each side."""

LARGEST_FRACTION = 0.05
"""Of the shorter side, that one pixel may be where it should not matter."""


def pixel_shift(shapes: Shapes) -> Family:
  """All whole-pixel shifts of up to two pixels along either axis.

  By name alone where `a_pixel_matters`.
  """
  ways = range(-REACH, REACH + 1)
  return Family(
    "Moved by one or two whole pixels to any side, the border repeated: hardly "
    "to be seen.",
    [
      Transformation(
        shift_name(dx, dy),
        functools.partial(shifted, dx=dx, dy=dy),
        (max(abs(dx), abs(dy)),),
        (_words(dx, dy),),
        on_host=True,
      )
      for dy, dx in itertools.product(ways, ways)
      if dx or dy
    ],
    by_default=not a_pixel_matters(shapes),
  )


def a_pixel_matters(shapes: Shapes) -> bool:
  """Whether one pixel is more than a twentieth of the shorter side of some.

  On images of fewer than 20 pixels a shift by one moves what is seen by nearly
  as much as the third of `geometry`'s five levels: it may well matter.
  """
  side = min(min(height, width) for height, width, _ in shapes)
  return 1 / side > LARGEST_FRACTION


def _words(dx, dy):
  parts = [
    f"{abs(way)} {side[way > 0]}"
    for way, side in ((dx, ("left", "right")), (dy, ("up", "down")))
    if way
  ]
  return f"pixels: {' and '.join(parts)}"


def shift_name(dx: int, dy: int) -> str:
  """Of the shift by dx pixels to the right and dy down."""
  return f"shift({dx:+d},{dy:+d})"


def shifted(images: np.ndarray, level: int, dx: int, dy: int) -> np.ndarray:
  """images `[B, H, W, C]`, dx to the right and dy down; the border repeats."""
  del level
  rows = np.clip(np.arange(images.shape[1]) - dy, 0, images.shape[1] - 1)
  columns = np.clip(np.arange(images.shape[2]) - dx, 0, images.shape[2] - 1)
  return images[:, rows][:, :, columns]
