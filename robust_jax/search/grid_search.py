"""Every point of a grid over the set, of which the worst is kept."""

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
  """Walks the grid of the set; each example keeps its own worst point.

  Points are made where they are needed, `chunk_size` at a time, so memory does
  not grow with the grid. One forward pass per point and one for the clean
  input, which is the first candidate; points beyond the last chunk's end are
  the last point again.

  Args:
    key: not used; the method is deterministic.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set; it must have a grid.
    x: clean inputs `[B, ...]`.
    num_points: values of each parameter, or a number for each: see the set.
    chunk_size: points scored at once; memory grows with it, and small batches
      may gain speed on an accelerator.

  Raises:
    ValueError: the set has no grid, or num_points does not fit it.

  Source: Engstrom et al. 2019, "Exploring the Landscape of Spatial Robustness".
  """
  del key
  checks.at_least_one("chunk_size", chunk_size)
  if pset.grid is None:
    raise ValueError(
      "grid_search of a set that cannot be enumerated (its grid is None): "
      "expected one that can; or use search.random_search."
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
