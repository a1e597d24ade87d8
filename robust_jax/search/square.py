"""Square attack: random search over square windows, without gradients."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, tree
from robust_jax.search import ascent, square_window
from robust_jax.types import Array, Key, PerturbationSet, PyTree, SearchResult


def square(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_queries: int = 1000,
  fraction: float = 0.8,
  start: PyTree | None = None,
  num_done: Array | int = 0,
) -> SearchResult:
  """Square attack: random proposals inside square windows of one color.

  A proposal is a step of twice the radius along the linear maximizer of random
  signs inside a window (one sign per channel), projected onto the set: in the
  Linf ball every changed pixel ends on the boundary. Each example keeps the
  proposals that increase its objective. It makes `num_queries + 1` forward
  passes.

  Args:
    key: random key, consumed by the start and the proposals.
    objective: x' `[B, ...]` -> `[B]`, the margin in the paper.
    pset: the perturbation set. In leaves of delta `[B, H, W, C]` windows are
      changed, in others single entries.
    x: clean inputs `[B, ...]`.
    num_queries: number of proposals. The start, or the clean point, takes one
      more query.
    fraction: fraction of the pixels covered by the first windows.
    start: delta to continue from; by default vertical stripes.
    num_done: number of proposals that led to `start`; the window size depends
      on it.

  Raises:
    ValueError: num_queries is not a whole number, 1 or more.

  Source: Andriushchenko et al. 2020, "Square Attack", algorithms 1 and 2, with
  the schedule of AutoAttack, which is that of 10,000 queries whatever their
  number. As there, the last row and column of positions are never drawn.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 4, 4, 1), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=(1, 2, 3))
    >>> key = jax.random.key(0)
    >>> found = search.square(key, objective, pset, x, num_queries=50)
    >>> bool((found.value > 11).all())  # 8 at x, 12 at most
    True
  """
  checks.at_least_one("num_queries", num_queries)
  key_start, key_steps = jax.random.split(key)
  zero = pset.zero(x)
  delta = start
  if start is None:
    stripes = _signs(key_start, zero, _stripe_shape)
    delta = pset.project(x, pset.linear_maximizer(x, stripes))
  first = ascent.score(objective, pset, x, delta)
  if start is None:
    first = tree.better(ascent.score(objective, pset, x, zero), first)

  def step(i, best: SearchResult) -> SearchResult:
    key_window, key_sign = jax.random.split(jax.random.fold_in(key_steps, i))
    signs = _signs(key_sign, zero, _color_shape)
    direction = _inside(key_window, signs, zero, fraction, num_done + i)
    step = pset.linear_maximizer(x, direction)
    delta = pset.project(x, tree.add(best.delta, 2.0, step))
    return tree.better(best, ascent.score(objective, pset, x, delta))

  return jax.lax.fori_loop(0, num_queries, step, first)


def num_halvings(num_done: Array | int) -> Array:
  """Number of times the window's area was halved in `num_done` proposals."""
  return (jnp.asarray(square_window.HALVED_AFTER) < num_done).sum()


def sides(
  height: int, width: int, fraction: float, smallest: int = 1
) -> np.ndarray:
  """Side of the window in pixels after 0, 1, ... halvings."""
  halvings = range(len(square_window.HALVED_AFTER) + 1)
  return np.asarray(
    [
      square_window.side(fraction / 2**h, height, width, smallest)
      for h in halvings
    ]
  )


def _inside(key, signs, zero, fraction, num_done) -> PyTree:
  """The signs, set to 0 outside the window or the drawn entries."""
  halvings = num_halvings(num_done)
  leaves, structure = jax.tree.flatten(zero)
  masks = []
  for key_leaf, leaf in zip(
    jax.random.split(key, len(leaves)), leaves, strict=True
  ):
    uniform = jax.random.uniform
    if leaf.ndim == 4:
      height, width = leaf.shape[1:3]
      side = jnp.asarray(sides(height, width, fraction))[halvings]
      masks.append(_window(uniform(key_leaf, (2, len(leaf))), leaf, side))
    else:
      drawn = uniform(key_leaf, leaf.shape) < fraction / 2.0**halvings
      masks.append(drawn.astype(jnp.float32))
  masks = jax.tree.unflatten(structure, masks)
  return jax.tree.map(lambda s, m: s * m, signs, masks)


def _window(uniform: Array, leaf: Array, side: Array) -> Array:
  """Mask `[B, H, W, 1]` of a square window placed by `uniform [2, B]`."""
  _, height, width, _ = leaf.shape
  top = jnp.floor(uniform[0] * (height - side))[:, None]
  left = jnp.floor(uniform[1] * (width - side))[:, None]
  rows, columns = jnp.arange(height), jnp.arange(width)
  row = (rows >= top) & (rows < top + side)
  column = (columns >= left) & (columns < left + side)
  return (row[:, :, None, None] & column[:, None, :, None]).astype(jnp.float32)


def _signs(key: Key, zero: PyTree, shape: Callable) -> PyTree:
  leaves, structure = jax.tree.flatten(zero)
  keys = jax.random.split(key, len(leaves))
  signs = [
    jnp.broadcast_to(
      jax.random.rademacher(k, shape(leaf), jnp.float32), leaf.shape
    )
    for k, leaf in zip(keys, leaves, strict=True)
  ]
  return jax.tree.unflatten(structure, signs)


def _stripe_shape(leaf: Array) -> tuple[int, ...]:
  batch, *rest = leaf.shape
  return (batch, 1, *rest[1:]) if leaf.ndim == 4 else leaf.shape


def _color_shape(leaf: Array) -> tuple[int, ...]:
  if leaf.ndim == 4:
    return (leaf.shape[0], 1, 1, leaf.shape[3])
  return leaf.shape
