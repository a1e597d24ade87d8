"""The objective of theta with its gradient, shared by the gradient searches."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax.objective import climbed
from robust_jax.types import Array, PerturbationSet, PyTree, SearchResult


def score(
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  theta: PyTree,
) -> SearchResult:
  """theta with its objective, as it is climbed, `[B]` float32; one pass."""
  value = climbed(objective)(pset.apply(x, theta)).astype(jnp.float32)
  return SearchResult(theta, value)


def score_and_gradient(
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  theta: PyTree,
) -> tuple[SearchResult, PyTree]:
  """theta with its objective, and the gradient; one forward, one backward pass.

  Where a gradient is not finite it reads 0: that example stays where it is, and
  its neighbours never see it.
  """
  result, gradient = jax.vjp(
    lambda t: score(objective, pset, x, t).value, theta
  )
  (grad,) = gradient(jnp.ones_like(result))
  finite = jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, 0.0), grad)
  return SearchResult(theta, result), finite


def nothing(pset: PerturbationSet, x: Array) -> SearchResult:
  """A result that any finite value beats."""
  return SearchResult(pset.zero(x), jnp.full(x.shape[:1], -jnp.inf))
