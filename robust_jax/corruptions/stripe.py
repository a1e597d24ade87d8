"""Both sides inverted."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key


@corruption
def stripe(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """The left and the right quarter are inverted, the middle stays.

  Arguments and result as `signature.corruption` says; nothing is random, and
  all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C).
  """
  del keys, severity, size
  column, width = np.arange(x.shape[2])[:, None], x.shape[2]
  inside = (4 * column >= width) & (4 * column < 3 * width)
  return jnp.where(inside, x, 1 - x)
