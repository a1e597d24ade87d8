"""Pixels beside pixels: what filters of 3 x 3 read."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from robust_jax.types import Array


def neighbors(planes: Array, border: str) -> Callable[[int, int], Array]:
  """(i, j) -> `planes [B, H, W]`, read i pixels below and j to the right.

  Args:
    planes: the images.
    border: what is seen beyond it, as np.pad calls it; i and j are -1, 0 or 1.
  """
  height, width = planes.shape[1:]
  padded = jnp.pad(planes, ((0, 0), (1, 1), (1, 1)), border)
  # Or what is read nine times would be computed nine times.
  padded = lax.optimization_barrier(padded)
  return lambda i, j: padded[:, 1 + i : 1 + i + height, 1 + j : 1 + j + width]
