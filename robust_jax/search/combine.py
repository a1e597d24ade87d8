"""Searches made of searches; the result is a search like any other."""

from collections.abc import Callable
from typing import Any

import jax

from robust_jax import checks, tree
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, Search, SearchResult


def best_of(*searches: Search) -> Search:
  """Runs several searches; each example keeps the best that any one found.

      best_of(search.pgd, partial(search.apgd, num_steps=100))

  Args:
    *searches: with their hyperparameters bound, as `functools.partial` does.

  Returns:
    A search without hyperparameters. It costs what all of them cost.

  Raises:
    ValueError: no searches.
  """
  if not searches:
    raise ValueError("best_of() of no searches: give it at least one.")

  def best(
    key: Key,
    objective: Callable[[Array], Array],
    pset: PerturbationSet,
    x: Array,
  ) -> SearchResult:
    result = ascent.nothing(pset, x)
    keys = jax.random.split(key, len(searches))
    for search, key_search in zip(searches, keys, strict=True):
      found = search(key_search, objective, pset, x)
      result = tree.better(result, found)
    return result

  return best


def restarts(search: Search, n: int) -> Search:
  """Runs one search `n` times with different keys; each example keeps its best.

  Compiled once, whatever n. Of use for a search that draws something.

  Args:
    search: what to repeat.
    n: how often, static.

  Returns:
    A search with the hyperparameters of `search`. It costs n times as much.

  Raises:
    ValueError: n is not a whole number, 1 or more.
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

    return jax.lax.fori_loop(0, n, run, ascent.nothing(pset, x))

  return repeated
