"""Sums, maxima and k-th largest entries of rows, fast on XLA's CPU backend."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax.types import Array


def kth_largest(values: Array, k: Array) -> Array:
  """The k-th largest entry of each row.

  Args:
    values: `[B, n]` float32, 0 or more.
    k: `[B]` int, from 1 to n.

  Returns:
    `[B]` float32.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.xla_cpu.reductions import kth_largest
    >>> kth_largest(jnp.array([[3.0, 1.0, 2.0]]), jnp.array([2]))
    Array([2.], dtype=float32)
  """
  return weighted_kth_largest(values, jnp.ones(values.shape, jnp.int32), k)


def weighted_kth_largest(values: Array, weights: Array, total: Array) -> Array:
  """The largest threshold whose entries above or at it reach a total weight.

  The bits of non-negative floats, read as integers, have the same order, so the
  threshold is found bit by bit with 31 sums. On a CPU this is about 15 times
  faster than XLA's sort of 784 entries.

  Args:
    values: `[..., n]` float32, 0 or more.
    weights: `[..., n]`, float or int.
    total: `[...]`.

  Returns:
    `[...]`, 0 where the sum of all weights is less than the total.
  """
  bits = jax.lax.bitcast_convert_type(values.astype(jnp.float32), jnp.int32)

  def step(i, found):
    candidate = found + (1 << (30 - i))
    above = jnp.where(bits >= candidate[..., None], weights, 0)
    return jnp.where(row_sum(above) >= total, candidate, found)

  found = jax.lax.fori_loop(0, 31, step, jnp.zeros(bits.shape[:-1], jnp.int32))
  return jax.lax.bitcast_convert_type(found, jnp.float32)


# With 16 parts XLA no longer fuses them, which is as slow as no parts.
_NUM_PARTS = 8
_SHORTEST_PART = 16


def row_sum(x: Array) -> Array:
  """Sum over the last axis, `[..., n]` -> `[...]`."""
  return _reduced(x, jnp.add, jnp.sum)


def row_max(x: Array) -> Array:
  """Maximum over the last axis, `[..., n]` -> `[...]`; NaN propagates."""
  return _reduced(x, jnp.maximum, jnp.max)


def _reduced(x: Array, pair: Callable, reduce: Callable) -> Array:
  size = x.shape[-1] // _NUM_PARTS
  if size < _SHORTEST_PART:
    return reduce(x, axis=-1)
  starts = range(0, _NUM_PARTS * size, size)
  parts = [x[..., start : start + size] for start in starts]
  found = reduce(functools.reduce(pair, parts), axis=-1)
  rest = x[..., _NUM_PARTS * size :]
  return pair(found, reduce(rest, axis=-1)) if rest.shape[-1] else found
