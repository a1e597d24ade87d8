"""Evenly spaced points, for the sets whose parameters have ranges."""

from collections.abc import Sequence
from typing import cast

import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.types import Array, Grid


def single_count(n: int | Sequence[int]) -> int:
  """n, for sets whose grid takes one number for all parameters.

  Raises:
    ValueError: n is not a whole number, 1 or more.
  """
  checks.at_least_one("n", n)
  return cast(int, n)


def cube(counts: Sequence[int]) -> Grid:
  """Grid of `[-1, 1]^P` with `counts[p]` points along axis p.

  Each point is an array `[P]`. The ends are included and exact; a single point
  is 0. The last axis varies fastest.

  Raises:
    ValueError: a count is not a whole number, 1 or more.
  """
  for count in counts:
    checks.at_least_one("n", count)
  steps = np.maximum(np.asarray(counts) - 1, 1)

  def at(index: Array) -> Array:
    digits = jnp.stack(jnp.unravel_index(index, tuple(counts)))
    # Not a multiple of the spacing, so that the middle is exactly 0.
    return (2.0 * digits - (np.asarray(counts) - 1)) / steps

  return Grid(int(np.prod(counts)), at)
