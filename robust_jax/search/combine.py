"""Combinations of searches, which are searches as well."""

from collections.abc import Callable
from typing import Any

import jax

from robust_jax import checks, tree
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, Search, SearchResult


def best_of(*searches: Search) -> Search:
  """Runs several searches; each example keeps the best result of them.

  Args:
    *searches: searches, with their hyperparameters bound by
      `functools.partial`.

  Returns:
    a search without hyperparameters. Its cost is the sum of their costs.

  Raises:
    ValueError: there are no searches.

  Example:
    >>> import functools, jax, jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> from robust_jax.search.combine import best_of
    >>> both = best_of(search.fgsm, functools.partial(search.pgd, num_steps=2))
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> found = both(jax.random.key(0), lambda x: x.sum(axis=-1), pset, x)
    >>> print(found.value.round(3))
    [2.25 2.25]
  """
  if not searches:
    raise ValueError("best_of() without searches: expected at least one.")

  def best(
    key: Key,
    objective: Callable[[Array], Array],
    pset: PerturbationSet,
    x: Array,
  ) -> SearchResult:
    result = ascent.empty_result(pset, x)
    keys = jax.random.split(key, len(searches))
    for search, key_search in zip(searches, keys, strict=True):
      found = search(key_search, objective, pset, x)
      result = tree.better(result, found)
    return result

  return best


def restarts(search: Search, n: int) -> Search:
  """Runs a search `n` times; each example keeps the best result.

  The runs have different keys, so this is useful for a search that draws random
  numbers. It is compiled once, whatever n.

  Args:
    search: the search to repeat.
    n: number of runs, static.

  Returns:
    a search with the hyperparameters of `search` and n times its cost.

  Raises:
    ValueError: n is not a whole number, 1 or more.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> from robust_jax.search.combine import restarts
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> thrice = restarts(search.spsa, 3)
    >>> found = thrice(jax.random.key(0), lambda x: x.sum(axis=-1), pset, x)
    >>> print(found.value.round(3))
    [2.25 2.25]
  """
  checks.at_least_one("n", n)

  def repeated(
    key: Key,
    objective: Callable[[Array], Array],
    pset: PerturbationSet,
    x: Array,
    **hyper: Any,
  ) -> SearchResult:
    keys = jax.random.split(key, n)

    def run(i, best):
      return tree.better(best, search(keys[i], objective, pset, x, **hyper))

    return jax.lax.fori_loop(0, n, run, ascent.empty_result(pset, x))

  return repeated
