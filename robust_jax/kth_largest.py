"""The k-th largest entry of each row, without sorting."""

import jax
import jax.numpy as jnp

from robust_jax.rows import row_sum
from robust_jax.types import Array


def kth_largest(values: Array, k: Array) -> Array:
  """`[B, n]` non-negative float32, `[B]` int in 1..n -> `[B]`.

  The bits of non-negative floats, read as whole numbers, are in the same order.
  So the answer is found bit by bit, in 31 counts: on a CPU about 15 times
  faster than XLA's sort of 784 entries.
  """
  bits = jax.lax.bitcast_convert_type(values.astype(jnp.float32), jnp.int32)

  def step(i, found):
    candidate = found + (1 << (30 - i))
    above = (bits >= candidate[:, None]).astype(jnp.int32)
    return jnp.where(row_sum(above) >= k, candidate, found)

  found = jax.lax.fori_loop(0, 31, step, jnp.zeros(len(bits), jnp.int32))
  return jax.lax.bitcast_convert_type(found, jnp.float32)
