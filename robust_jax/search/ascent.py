"""The objective of delta with its gradient, shared by the gradient searches."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import tree
from robust_jax.objective import surrogate_of
from robust_jax.types import Array, PerturbationSet, PyTree, SearchResult


def score(
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  delta: PyTree,
) -> SearchResult:
  """delta with the surrogate of its objective, `[B]` float32; one pass."""
  value = surrogate_of(objective)(pset.apply(x, delta)).astype(jnp.float32)
  return SearchResult(delta, value)


def score_and_gradient(
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  delta: PyTree,
) -> tuple[SearchResult, PyTree]:
  """delta with its objective, and the gradient; one forward, one backward pass.

  Where there is no gradient there is noise: see `usable`.
  """
  result, grad = _score_and_raw_gradient(objective, pset, x, delta)
  return result, usable(grad)


def clean_and_gradient(
  objective: Callable[[Array], Array], pset: PerturbationSet, x: Array
) -> tuple[SearchResult, PyTree]:
  """The clean point with its objective, and the gradient there, or near there.

  An example without a gradient at its clean point is asked for one a tenth of
  the radius off; if any is, a second pass forward and backward is made.
  """
  clean = pset.zero(x)

  def ask(i, carry):
    delta, value, grad, lost = carry
    here, raw = _score_and_raw_gradient(objective, pset, x, delta)
    grad = tree.where(lost, _finite(raw), grad)
    lost = _is_zero(grad)
    away = tree.add(clean, 0.1, pset.linear_maximizer(x, _noise(grad)))
    delta = tree.where(lost, pset.project(x, away), clean)
    return delta, jnp.where(i == 0, here.value, value), grad, lost

  def unless_none_lost(i, carry):
    return jax.lax.cond(carry[3].any(), ask, lambda i, c: c, i, carry)

  batch = (tree.batch_size(x),)
  start = clean, jnp.zeros(batch), clean, jnp.ones(batch, bool)
  _, value, grad, _ = jax.lax.fori_loop(0, 2, unless_none_lost, start)
  return SearchResult(clean, value), usable(grad)


def usable(grad: PyTree) -> PyTree:
  """The gradient, 0 where it is not finite, or noise for who then has none.

  A gradient that is 0, or NaN as that of a norm at black, leads nowhere from
  there, and an ascent would end where it began. The noise is the same at every
  call and for all examples: nobody's depends on the rest of the batch.
  """
  finite = _finite(grad)
  return tree.where(_is_zero(finite), _noise(finite), finite)


def nothing(pset: PerturbationSet, x: Array) -> SearchResult:
  """A result that any finite value beats."""
  return SearchResult(pset.zero(x), jnp.full(tree.batch_size(x), -jnp.inf))


def _score_and_raw_gradient(objective, pset, x, delta):
  value, gradient = jax.vjp(lambda t: score(objective, pset, x, t).value, delta)
  return SearchResult(delta, value), gradient(jnp.ones_like(value))[0]


def _finite(grad):
  return jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, 0.0), grad)


def _is_zero(grad):
  return tree.norm(grad, jnp.inf) == 0


def _noise(grad):
  leaves, treedef = jax.tree.flatten(grad)
  keys = jax.random.split(jax.random.key(0), len(leaves))
  noise = [
    jnp.broadcast_to(jax.random.normal(k, g.shape[1:]), g.shape)
    for k, g in zip(keys, leaves, strict=True)
  ]
  return treedef.unflatten(noise)
