"""Which constants belong to an image, and to a severity."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array

Tables = Mapping[int, Sequence[Any]]
"""Image size -> what the five severities mean at this size, row by row.

The sizes: 224 is ImageNet-C, 299 its version for Inception, 64 Tiny-ImageNet-C
and 32 CIFAR-10-C. A size that ImageNet-C does not know is MNIST-C's 28."""


def rows(tables: Tables, x: Array, size: int | None = None) -> np.ndarray:
  """The table for images x `[B, H, W, C]`: `[5, ...]`, one row per severity.

  It is the table of the size nearest to the shorter side of the image, near
  being a matter of ratios: 28 and 40 pixels take the constants of 32, 128 those
  of 224, 480 x 640 those of 299.

  Args:
    tables: a table per size.
    x: the images.
    size: whose table it shall be instead.

  Raises:
    ValueError: there is no table of this size.
  """
  if size is not None and size not in tables:
    raise ValueError(
      f"size = {size}: expected one of {sorted(tables)}, whose constants are "
      "known, or None for the nearest to the image's."
    )
  if size is None:
    side = min(x.shape[1:3])
    size = min(tables, key=lambda s: abs(np.log(s / side)))
  return np.asarray(tables[size], np.float64)


def pick(table: np.ndarray, severity: int | Array) -> Array:
  """The row of one severity, which may be traced, in float32."""
  return jnp.asarray(table, jnp.float32)[severity - 1]
