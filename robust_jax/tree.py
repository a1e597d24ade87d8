"""Arithmetic on pytrees whose leaves have a leading batch axis.

All operations are per example: none combines two rows.
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
  """Reshapes `[B]` (or a scalar) to `[B, 1, ...]`, to broadcast with `like`."""
  values = jnp.asarray(values)
  return values.reshape(values.shape + (1,) * (like.ndim - values.ndim))


def batch_size(tree: PyTree) -> int:
  """Length of the leading axis of all leaves."""
  return jax.tree.leaves(tree)[0].shape[0]


def rows(tree: PyTree, index: Array) -> PyTree:
  """Selects the examples at an index, such as `[M]` int, of all leaves."""
  return jax.tree.map(lambda leaf: leaf[index], tree)


def where(mask: Array, a: PyTree, b: PyTree) -> PyTree:
  """Selects example i from `a` where `mask[i]`, else from `b`; `mask [B]`."""
  return jax.tree.map(
    lambda u, v: jnp.where(expand(mask, jnp.asarray(u)), u, v), a, b
  )


def add(delta: PyTree, scale: Array | float, direction: PyTree) -> PyTree:
  """`delta + scale * direction`, where `scale` is a scalar or `[B]`."""
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
    ValueError: the norm is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import tree
    >>> tree.norm({"a": jnp.array([[3.0]]), "b": jnp.array([[-4.0]])}, "l2")
    Array([5.], dtype=float32)
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
  """Divides each example by its norm; an all-zero example stays zero."""
  length = norm(tree, p)
  length = jnp.where(length > 0, length, 1.0)
  return jax.tree.map(lambda t: t / expand(length, t), tree)


def finite(tree: PyTree) -> PyTree:
  """Replaces NaN and infinite entries by 0, for gradients."""
  return jax.tree.map(lambda t: jnp.where(jnp.isfinite(t), t, 0.0), tree)


def rounded_towards(x: Array, y: Array) -> Array:
  """Converts y to the dtype of x, rounding towards x.

  No coordinate moves away from x, so a change within a radius stays within it.
  The derivative is that of y.
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
  """The result with the larger value, per example; NaN never wins.

  Among equal values the new one is returned: searches begin at the clean point,
  and equality in float32 is no reason to stay there.
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
