"""A short search without gradients, as a baseline for gradient searches.

It is a `types.Search`, and small on purpose: if it beats a gradient search many
times as costly, the gradient is at fault.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, SearchResult


def random_windows(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_queries: int = 100,
) -> SearchResult:
  """Random search over boxes of delta, keeping improvements.

  Each query adds, in a random box of each example, twice the linear maximizer
  of one random sign per channel; in an Linf ball, the corner of these signs.
  The boxes shrink from 80 % to 5 % of the area.

  Args:
    key: random key, consumed by the boxes and the signs.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_queries: number of forward passes after that of the clean point.

  Raises:
    ValueError: num_queries is not a whole number, 1 or more.

  Source: Andriushchenko et al. 2020, "Square Attack", algorithm 1.

  Deviation: a reduced form: it starts from the clean point instead of stripes,
  the area decreases geometrically, and other sets than the Linf ball are
  searched in the same way.
  """
  checks.at_least_one("num_queries", num_queries)
  keys = jax.random.split(key, num_queries)

  def query(i, best):
    area = 0.8 * (0.05 / 0.8) ** (i / num_queries)
    key_box, key_sign = jax.random.split(keys[i])
    signs = _on_leaves(_signs, key_sign, best.delta)
    boxes = _on_leaves(lambda k, t: _box(k, t, area), key_box, best.delta)
    push = jax.tree.map(jnp.multiply, boxes, pset.linear_maximizer(x, signs))
    delta = pset.project(x, tree.add(best.delta, 2.0, push))
    return tree.better(best, ascent.score(objective, pset, x, delta))

  clean = ascent.score(objective, pset, x, pset.zero(x))
  return jax.lax.fori_loop(0, num_queries, query, clean)


def _on_leaves(make, key, delta):
  """`make(key, leaf)` for each leaf of delta, with separate keys."""
  leaves, treedef = jax.tree.flatten(delta)
  keys = jax.random.split(key, len(leaves))
  return treedef.unflatten(map(make, keys, leaves))


def _spatial(leaf):
  """The axes of a box: all but the batch, and the channels of an image."""
  return range(1, leaf.ndim - 1) if leaf.ndim > 2 else range(1, leaf.ndim)


def _signs(key, leaf):
  shape = [1 if i in _spatial(leaf) else n for i, n in enumerate(leaf.shape)]
  signs = jax.random.rademacher(key, tuple(shape), jnp.float32)
  return jnp.broadcast_to(signs, leaf.shape)


def _box(key, leaf, area):
  """1 in a random box of each example, 0 elsewhere; broadcasts to `leaf`."""
  axes = _spatial(leaf)
  box = jnp.ones((1,) * leaf.ndim)
  corner = jax.random.uniform(key, (leaf.ndim, leaf.shape[0]))
  for axis in axes:
    size = leaf.shape[axis]
    side = jnp.maximum(area ** (1 / len(axes)), 1 / size)
    start = tree.expand(corner[axis] * (1 - side), leaf)
    shape = [size if i == axis else 1 for i in range(leaf.ndim)]
    center = ((jnp.arange(size) + 0.5) / size).reshape(shape)
    box = box * ((center >= start) & (center < start + side))
  return box
