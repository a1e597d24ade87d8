"""The k-th largest entry of each row, without sorting."""

import jax
import jax.numpy as jnp

from robust_jax.rows import row_sum
from robust_jax.types import Array


def kth_largest(values: Array, k: Array) -> Array:
  """`[B, n]` non-negative float32, `[B]` int in 1..n -> `[B]`."""
  return needed(values, jnp.ones(values.shape, jnp.int32), k)


def needed(values: Array, weights: Array, total: Array) -> Array:
  """The largest value down to which all are needed for a total weight.

  The bits of non-negative floats, read as whole numbers, are in the same order.
  So the answer is found bit by bit, in 31 sums: on a CPU about 15 times faster
  than XLA's sort of 784 entries.

  Args:
    values: `[..., n]` float32, 0 or more.
    weights: likewise, float or int.
    total: `[...]`.

  Returns:
    `[...]`, 0 where all weights together are less than the total.
  """
  bits = jax.lax.bitcast_convert_type(values.astype(jnp.float32), jnp.int32)

  def step(i, found):
    candidate = found + (1 << (30 - i))
    above = jnp.where(bits >= candidate[..., None], weights, 0)
    return jnp.where(row_sum(above) >= total, candidate, found)

  found = jax.lax.fori_loop(0, 31, step, jnp.zeros(bits.shape[:-1], jnp.int32))
  return jax.lax.bitcast_convert_type(found, jnp.float32)
