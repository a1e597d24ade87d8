"""Evenly spaced points, for the sets whose parameters have ranges."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.types import Array, Grid


def cube(counts: Sequence[int]) -> Grid:
  """Points of `[-1, 1]^P`, `counts[p]` along axis p, each an array `[P]`.

  The ends are among them, and exact; of one there is only 0. The last axis
  runs fastest.

  Raises:
    ValueError: a count is not a whole number, 1 or more.
  """
  for count in counts:
    checks.at_least_one("n", count)
  steps = np.maximum(np.asarray(counts) - 1, 1)

  def at(index: Array) -> Array:
    digits = jnp.stack(jnp.unravel_index(index, tuple(counts)))
    # So and not by a multiple of the spacing: the middle is exactly 0.
    return (2.0 * digits - (np.asarray(counts) - 1)) / steps

  return Grid(int(np.prod(counts)), at)
