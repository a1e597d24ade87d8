"""Arithmetic on pytrees whose leaves lead with the batch axis.

Everything here is per example: an operation never mixes two rows.
"""

import math
from collections.abc import Mapping
from typing import cast

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import Array, Norm, PyTree, SearchResult
from robust_jax.xla_cpu.reductions import row_max, row_sum

ORDERS: Mapping[Norm, float] = {"linf": math.inf, "l2": 2, "l1": 1}
"""The p of the Lp norms, as `numpy.linalg.norm` takes it."""
DUALS: Mapping[Norm, Norm] = {"linf": "l1", "l2": "l2", "l1": "linf"}
"""The norm of a gradient that is the most a change of unit norm ascends."""


def expand(values: Array | float, like: Array) -> Array:
  """`[B]` (or a scalar) -> `[B, 1, ...]`, to broadcast against `like`."""
  values = jnp.asarray(values)
  return values.reshape(values.shape + (1,) * (like.ndim - values.ndim))


def batch_size(tree: PyTree) -> int:
  """The length of the axis that all leaves lead with."""
  return jax.tree.leaves(tree)[0].shape[0]


def where(mask: Array, a: PyTree, b: PyTree) -> PyTree:
  """Example i from `a` where `mask[i]`, from `b` elsewhere; `mask [B]`."""
  return jax.tree.map(
    lambda u, v: jnp.where(expand(mask, jnp.asarray(u)), u, v), a, b
  )


def add(delta: PyTree, scale: Array | float, direction: PyTree) -> PyTree:
  """`delta + scale * direction`; `scale` is a scalar or `[B]`."""
  return jax.tree.map(lambda t, d: t + expand(scale, d) * d, delta, direction)


def dot(a: PyTree, b: PyTree) -> Array:
  """Inner product of each example, `[B]`, in float32."""
  return _sum(jax.tree.map(lambda u, v: u.astype(jnp.float32) * v, a, b))


def norm(tree: PyTree, p: Norm) -> Array:
  """The norm of each example over all leaves, `[B]`.

  Args:
    tree: leaves `[B, ...]`.
    p: "linf", "l2" or "l1".

  Raises:
    ValueError: another norm.
  """
  checks.norm(p, ORDERS)
  size = jax.tree.map(lambda t: jnp.abs(t.astype(jnp.float32)), tree)
  if p == "l1":
    return _sum(size)
  largest = _max(size)
  if p == "linf":
    return largest
  # Scaled by the largest entry first: squares of small gradients underflow.
  scale = jnp.where(largest > 0, largest, 1.0)
  scaled = jax.tree.map(lambda t: t / expand(scale, t), size)
  return largest * jnp.sqrt(_sum(jax.tree.map(jnp.square, scaled)))


def normalize(tree: PyTree, p: Norm) -> PyTree:
  """Each example divided by its norm; an all-zero example stays zero."""
  length = norm(tree, p)
  length = jnp.where(length > 0, length, 1.0)
  return jax.tree.map(lambda t: t / expand(length, t), tree)


def finite(tree: PyTree) -> PyTree:
  """The tree, 0 where it is NaN or infinite, as gradients may be."""
  return jax.tree.map(lambda t: jnp.where(jnp.isfinite(t), t, 0.0), tree)


def rounded_towards(x: Array, y: Array) -> Array:
  """y in the dtype of x; where it must be rounded, towards x.

  So no coordinate is farther from x than it was, and a change that is within a
  radius stays there. The derivative is that of y.
  """
  return y if y.dtype == x.dtype else _narrowed(x, y)


@jax.custom_jvp
def _narrowed(x, y):
  near = y.astype(x.dtype)
  beyond = jnp.where(y > x, near > y, near < y)
  return jnp.where(beyond, jnp.nextafter(near, x), near)


_narrowed.defjvp(
  lambda primals, tangents: (
    _narrowed(*primals),
    tangents[1].astype(primals[0].dtype),
  )
)


def better(old: SearchResult, new: SearchResult) -> SearchResult:
  """Of two results the one of larger value, per example; NaN never wins.

  Of equal values the new one: searches begin at the clean point, and what is
  the same in float32 is no reason to stay there.
  """
  old_value = jnp.where(jnp.isnan(old.value), -jnp.inf, old.value)
  return where(new.value >= old_value, new, old)


def _sum(tree: PyTree) -> Array:
  return cast(
    Array, sum(row_sum(_flat(leaf)) for leaf in jax.tree.leaves(tree))
  )


def _max(tree: PyTree) -> Array:
  leaves = [row_max(_flat(leaf)) for leaf in jax.tree.leaves(tree)]
  return jnp.stack(leaves).max(axis=0)


def _flat(leaf: Array) -> Array:
  return leaf.reshape(leaf.shape[0], -1)
