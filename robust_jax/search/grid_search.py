"""Grid search: evaluates every point of a grid over the set."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, SearchResult


def grid_search(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_points: int | Sequence[int] = 5,
  chunk_size: int = 1,
) -> SearchResult:
  """Grid search: evaluates a grid over the set; each example keeps its worst
  point.

  Points are computed when they are needed, `chunk_size` at a time, so that
  memory does not grow with the grid. It makes one forward pass per point and
  one for the clean input, which is the first candidate. The last chunk is
  filled up with copies of the last point.

  Args:
    key: unused; the method is deterministic.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set, which must have a grid.
    x: clean inputs `[B, ...]`.
    num_points: number of values of each parameter, or a sequence with one
      number per parameter; see the set's `grid`.
    chunk_size: number of points evaluated at once. Memory grows with it; small
      batches may run faster on an accelerator.

  Raises:
    ValueError: the set has no grid, or num_points does not fit it.

  Source: Engstrom et al. 2019, "Exploring the Landscape of Spatial Robustness".

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.eye(4)[None, :, :, None], perturbations.shift(1)
    >>> objective = lambda x: x[:, 0, 0, 0] + x[:, 0, 1, 0]
    >>> key = jax.random.key(0)
    >>> found = search.grid_search(key, objective, pset, x, num_points=3)
    >>> found.value, found.delta.pixels  # one pixel to the left or right
    (Array([1.], dtype=float32), Array([[0., 1.]], dtype=float32))
  """
  del key
  checks.at_least_one("chunk_size", chunk_size)
  if pset.grid is None:
    raise ValueError(
      "grid_search of a set that cannot be enumerated (its grid is None): "
      "expected a set with a grid; or use search.random_search."
    )
  size, at = pset.grid(x, num_points)

  def chunk(i, best):
    indices = jnp.minimum(i * chunk_size + jnp.arange(chunk_size), size - 1)
    found = jax.vmap(lambda j: ascent.score(objective, pset, x, at(j)))(indices)
    value = jnp.where(jnp.isnan(found.value), -jnp.inf, found.value)
    winner = value.argmax(axis=0)
    rows = jnp.arange(tree.batch_size(x))
    return tree.better(best, jax.tree.map(lambda t: t[winner, rows], found))

  clean = ascent.score(objective, pset, x, pset.zero(x))
  return jax.lax.fori_loop(0, -(-size // chunk_size), chunk, clean)
