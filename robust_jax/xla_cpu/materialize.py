"""Keeps XLA's CPU compiler from working the same thing out again and again."""

import jax
import jax.numpy as jnp

from robust_jax.types import Array


def materialize(x: Array) -> Array:
  """x, every bit but of subnormal numbers; on a CPU it is written to memory.

  XLA fuses what it takes for cheap, such as the change of layout that ends the
  gradient to an image, into each of its uses: it is computed as often as it
  is used, and keeps those loops from being vectorized. A division it never
  repeats. (Optimization barriers are gone before it fuses.)
  """
  if jax.default_backend() != "cpu":
    return x
  return x / jnp.where(jnp.isinf(x), 2.0, 1.0)
