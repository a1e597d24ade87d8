"""Invariance tests: changes that should not matter to any model."""

import numpy as np

from robust_jax.comparison.families.pixel_shift import a_pixel_matters, shifted
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
    lambda x, level: shifted(x, level, dx=1, dy=0),
    "one pixel to the right",
  )
  return Family(
    "Changes that should not matter: each row stands on its own and counts in "
    "no risk. A model that fails here has a bug.",
    [
      _test("identity", lambda x, _: x, "the same image again"),
      *([] if a_pixel_matters(shapes) else [shift]),
      _test(
        "horizontal_flip",
        lambda x, _: np.ascontiguousarray(x[:, :, ::-1]),
        "left and right exchanged",
      ),
      _test("jpeg_95", _jpeg_95, "stored as JPEG of quality 95"),
      _test(
        "one_level_brighter",
        lambda x, _: x + (x < 255).astype(np.uint8),
        "every pixel 1/255 brighter",
      ),
    ],
  )


def _test(name, change, label):
  return Transformation(name, change, _ONE, (label,), on_host=True)


def _jpeg_95(images, level):
  del level
  stored = on_host(images.astype(np.float32) / 255, 95)
  return np.round(255 * stored).astype(np.uint8)
