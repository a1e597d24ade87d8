"""Searches for the worst case in a perturbation set: one per module.

Every search has the signature of `types.Search`, `(key, objective, pset, x, *,
hyper...) -> SearchResult`, and works on any perturbation set. NaN never wins,
and `value` is the objective at the returned delta.
"""

from robust_jax.search.apgd import apgd
from robust_jax.search.fgsm import fgsm
from robust_jax.search.frank_wolfe import frank_wolfe
from robust_jax.search.grid_search import grid_search
from robust_jax.search.nes import nes
from robust_jax.search.pgd import pgd
from robust_jax.search.random_search import random_search
from robust_jax.search.spsa import spsa
from robust_jax.search.square import square

__all__ = [
  "apgd",
  "fgsm",
  "frank_wolfe",
  "grid_search",
  "nes",
  "pgd",
  "random_search",
  "spsa",
  "square",
]
