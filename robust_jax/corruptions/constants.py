"""Constants of the published corruptions, by image size and severity."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from robust_jax.types import Array

Tables = Mapping[int, ArrayLike]
"""Maps an image size to the constants of the five severities, row by row.

The sizes are 299 (ImageNet-C for Inception), 224 (ImageNet-C), 64
(Tiny-ImageNet-C), 32 (CIFAR-10-C), and 28 for corruptions of MNIST-C alone.
"""


def rows(tables: Tables, x: Array, size: int | None = None) -> np.ndarray:
  """Returns the constants for images x: `[5, ...]`, one row per severity.

  By default they are those of the size nearest to the shorter side of x on a
  logarithmic scale: images of 28 and 40 pixels use the constants of 32, 128
  those of 224, and 480 x 640 those of 299.

  Args:
    tables: constants per image size.
    x: images `[B, H, W, C]`, of which only the shape is used.
    size: image size whose constants are used instead.

  Returns:
    Float64 array that leads with the severities.

  Raises:
    ValueError: there are no constants for this size.
  """
  if size is not None and size not in tables:
    raise ValueError(
      f"size = {size}: expected one of {sorted(tables)}, whose constants are "
      "known, or None for the size nearest to that of the images."
    )
  if size is None:
    side = min(x.shape[1:3])
    size = min(tables, key=lambda s: abs(np.log(s / side)))
  return np.asarray(tables[size], np.float64)


def pick(table: np.ndarray, severity: int | Array) -> Array:
  """Returns the row of one severity, which may be traced, in float32."""
  return jnp.asarray(table, jnp.float32)[severity - 1]
