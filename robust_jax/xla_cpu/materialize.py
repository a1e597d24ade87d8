"""Materialization: prevents recomputation by XLA's CPU compiler."""

import jax
import jax.numpy as jnp

from robust_jax.types import Array


def materialize(x: Array) -> Array:
  """Writes x to memory, so that XLA's CPU compiler does not recompute it.

  Values are unchanged except subnormal numbers; on other backends it does
  nothing. XLA fuses what it considers cheap, such as the change of layout at
  the end of the gradient with respect to an image, into each of its uses: it is
  computed as often as it is used, and prevents vectorization of those loops.
  XLA never duplicates a division. (Optimization barriers are removed before
  fusion.)
  """
  if jax.default_backend() != "cpu":
    return x
  return x / jnp.where(jnp.isinf(x), 2.0, 1.0)
