"""Top-k masks of rows without a sort, which is slow on CPUs."""

import jax
import jax.numpy as jnp

from robust_jax.types import Array
from robust_jax.xla_cpu.reductions import kth_largest, row_sum


def largest_mask(scores: Array, k: Array | int) -> Array:
  """True at the k largest entries of each row; the first ones among equals.

  Args:
    scores: `[B, N]` float32, 0 or more.
    k: number of entries; a number (rounded down), a tracer or `[B]`.
  """
  k = jnp.broadcast_to(jnp.floor(k).astype(jnp.int32), scores.shape[:1])
  least = kth_largest(scores, jnp.maximum(k, 1))[:, None]
  above, equal = scores > least, scores == least
  missing = k - _count(above)
  place = jnp.arange(scores.shape[1])
  # The first index up to which there are enough equal entries.
  enough = lambda p: _count(equal & (place <= p[:, None])) >= missing
  num_bits = scores.shape[1].bit_length()
  last = _smallest(enough, num_bits, k.shape)
  some = (missing >= 1)[:, None]
  return above | (some & equal & (place <= last[:, None]))


def _smallest(holds, num_bits: int, shape: tuple[int, ...]) -> Array:
  """The smallest integer of `num_bits` bits from which on `holds` is true."""

  def halve(i, low):
    # With all bits below this one set: does it hold already?
    bit = jnp.int32(1) << (num_bits - 1 - i)
    return jnp.where(holds(low + bit - 1), low, low + bit)

  return jax.lax.fori_loop(0, num_bits, halve, jnp.zeros(shape, jnp.int32))


def _count(mask: Array) -> Array:
  return row_sum(mask.astype(jnp.int32))
