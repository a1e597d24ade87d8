"""Changes that should not matter to any model."""

import numpy as np

from robust_jax.comparison.families.pixel_shift import a_pixel_matters, shifted
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions.jpeg_compression import on_host

_ONE = (1,)


def invariance_tests(shapes: Shapes) -> Family:
  """Failing here is a bug, not a hard image: no part of any risk.

  A shift by one pixel is asked only where it is a small part of the image.
  """
  shift = _basic(
    "one_pixel_shift",
    lambda x, level: shifted(x, level, dx=1, dy=0),
    "one pixel to the right",
  )
  return Family(
    "Changes that should not matter: each row is judged by itself and is part "
    "of no risk. A model that fails here has a bug.",
    [
      _basic("identity", lambda x, _: x, "the same image, asked again"),
      *([] if a_pixel_matters(shapes) else [shift]),
      _basic(
        "horizontal_flip",
        lambda x, _: np.ascontiguousarray(x[:, :, ::-1]),
        "left and right exchanged",
      ),
      _basic("jpeg_95", _jpeg_95, "stored as JPEG of quality 95"),
      _basic(
        "one_level_brighter",
        lambda x, _: x + (x < 255).astype(np.uint8),
        "every pixel 1/255 brighter",
      ),
    ],
  )


def _basic(name, change, label):
  return Transformation(name, change, _ONE, (label,), on_host=True)


def _jpeg_95(images, level):
  del level
  stored = on_host(images.astype(np.float32) / 255, 95)
  return np.round(255 * stored).astype(np.uint8)
