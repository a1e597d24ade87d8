"""Invariance tests: changes that should not matter to any model."""

import functools

import numpy as np

from robust_jax.comparison.families.flips import flipped, flipped_points
from robust_jax.comparison.families.pixel_shift import (
  LARGEST_FRACTION,
  one_pixel,
  shifted,
  shifted_points,
)
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions.jpeg_compression import on_host

_ONE = (1,)


def invariance_tests(shapes: Shapes) -> Family:
  """Identity, shift by one pixel, horizontal flip, JPEG 95, one level brighter.

  A failure is a bug, not a hard image, and does not count in any risk. The
  shift is included only where one pixel is a small part of the image.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> [t.name for t in families.invariance_tests([(8, 8, 1)]).transformations]
    ['identity', 'horizontal_flip', 'jpeg_95', 'one_level_brighter']
  """
  shift = _test(
    "one_pixel_shift",
    functools.partial(shifted, dx=1, dy=0),
    "one pixel to the right",
    functools.partial(shifted_points, dx=1, dy=0),
  )
  fraction = one_pixel(shapes)
  is_small = fraction <= LARGEST_FRACTION
  return Family(
    "Where left and right have a meaning, as in writing, the flip does matter: "
    f"ignore it there. {_about_shift(fraction, is_small)}",
    [
      _test("identity", lambda x, _: x, "the same image again"),
      *([shift] if is_small else []),
      _test(
        "horizontal_flip",
        functools.partial(flipped, axes=(2,)),
        "left and right exchanged",
        functools.partial(flipped_points, axes=(2,)),
      ),
      _test("jpeg_95", _jpeg_95, "stored as JPEG of quality 95"),
      _test(
        "one_level_brighter",
        lambda x, _: x + (x < 255).astype(np.uint8),
        "every pixel 1/255 brighter",
      ),
    ],
  )


def _about_shift(fraction, is_small) -> str:
  if is_small:
    return f"One pixel is at most {100 * fraction:.2g} % of the shorter side."
  return (
    f"A shift by one pixel is not tested: it is {100 * fraction:.0f} % of the "
    f"shorter side, and above {100 * LARGEST_FRACTION:g} % it may matter."
  )


def _test(name, change, label, moves=None):
  return Transformation(name, change, _ONE, (label,), on_host=True, moves=moves)


def _jpeg_95(images, level):
  del level
  stored = on_host(images.astype(np.float32) / 255, 95)
  return np.round(255 * stored).astype(np.uint8)
