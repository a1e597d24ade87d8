"""Random search: evaluates random points of the set."""

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
  """Random search: independent draws; each example keeps its worst one.

  It suits sets on which the objective has too many local maxima for its
  gradient, such as rotations and translations, and is the baseline for a
  gradient attack that should find more. It makes one forward pass per draw, and
  one more if `clean`.

  Args:
    key: random key, consumed by the draws.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_samples: number of draws per example.
    clean: whether the clean point is a candidate as well. Without it, one draw
      is random augmentation, and costs no pass if its value is not used.

  Raises:
    ValueError: num_samples is not a whole number, 1 or more.

  Source: Engstrom et al. 2019, "Exploring the Landscape of Spatial Robustness",
  "worst-of-k", whose only candidates are the draws: `clean=False`.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=-1)
    >>> found = search.random_search(jax.random.key(0), objective, pset, x)
    >>> bool((found.value > 1.5).all())  # larger than at x
    True
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
