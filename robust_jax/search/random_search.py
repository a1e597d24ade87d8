"""Random draws from the set, of which the worst is kept."""

from collections.abc import Callable

import jax

from robust_jax import checks, tree
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, SearchResult


def random_search(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_samples: int = 100,
  clean: bool = True,
) -> SearchResult:
  """Independent draws of `pset.sample`, each example keeping its own worst.

  The adversary of a set whose objective has too many local maxima for its
  gradient, as rotation and translation have, and the yardstick for a gradient
  that finds no more. One forward pass per draw, and one if `clean`.

  Args:
    key: consumed by the draws.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_samples: draws of each example.
    clean: whether the clean point is a candidate too. Without it, and with one
      draw, this is random augmentation, at the cost of no pass for a caller
      that does not read the value.

  Raises:
    ValueError: no draw.

  Source: Engstrom et al. 2019, "Exploring the Landscape of Spatial Robustness",
  "worst-of-k", whose candidates are the draws alone: `clean=False`.
  """
  checks.at_least_one("num_samples", num_samples)
  keys = jax.random.split(key, num_samples)

  def draw(i):
    delta = pset.project(x, pset.sample(keys[i], x))
    return ascent.score(objective, pset, x, delta)

  if num_samples == 1 and not clean:
    return draw(0)
  first = ascent.score(objective, pset, x, pset.zero(x)) if clean else draw(0)
  return jax.lax.fori_loop(
    0 if clean else 1,
    num_samples,
    lambda i, best: tree.better(best, draw(i)),
    first,
  )
