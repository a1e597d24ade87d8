"""Shifted views of planes, for filters of 3 x 3."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from robust_jax.types import Array


def neighbors(planes: Array, border: str) -> Callable[[int, int], Array]:
  """Returns the function `(i, j) -> planes` shifted by i pixels down, j right.

  Args:
    planes: `[B, H, W]`.
    border: border treatment in the names of `np.pad`; i and j are -1, 0 or 1.
  """
  height, width = planes.shape[1:]
  padded = jnp.pad(planes, ((0, 0), (1, 1), (1, 1)), border)
  # Without a barrier, the planes would be computed anew for each of nine reads.
  padded = lax.optimization_barrier(padded)
  return lambda i, j: padded[:, 1 + i : 1 + i + height, 1 + j : 1 + j + width]
