"""The objective as a function of delta, with its gradient, for searches."""

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
  """Evaluates the objective at delta, in float32; one forward pass.

  An objective with a surrogate is evaluated by its surrogate.
  """
  value = surrogate_of(objective)(pset.apply(x, delta)).astype(jnp.float32)
  return SearchResult(delta, value)


def score_and_gradient(
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  delta: PyTree,
) -> tuple[SearchResult, PyTree]:
  """Evaluates the objective and its gradient at delta.

  One forward and one backward pass. The gradient passes through
  `usable_gradient`.
  """
  result, grad = _score_and_raw_gradient(objective, pset, x, delta)
  return result, usable_gradient(grad)


def clean_score_and_gradient(
  objective: Callable[[Array], Array], pset: PerturbationSet, x: Array
) -> tuple[SearchResult, PyTree]:
  """Evaluates the objective at the clean point, and its gradient near it.

  For an example whose gradient at the clean point is 0, the gradient is taken a
  tenth of the radius away. If the batch contains such an example, a second
  forward and backward pass is made.
  """
  clean = pset.zero(x)

  def evaluate(i, carry):
    delta, value, grad, lost = carry
    here, raw = _score_and_raw_gradient(objective, pset, x, delta)
    grad = tree.where(lost, tree.finite(raw), grad)
    lost = _is_zero(grad)
    away = tree.add(clean, 0.1, pset.linear_maximizer(x, _noise(grad)))
    delta = tree.where(lost, pset.project(x, away), clean)
    return delta, jnp.where(i == 0, here.value, value), grad, lost

  def if_any_lost(i, carry):
    return jax.lax.cond(carry[3].any(), evaluate, lambda i, c: c, i, carry)

  batch = (tree.batch_size(x),)
  start = clean, jnp.zeros(batch), clean, jnp.ones(batch, bool)
  _, value, grad, _ = jax.lax.fori_loop(0, 2, if_any_lost, start)
  return SearchResult(clean, value), usable_gradient(grad)


def usable_gradient(grad: PyTree) -> PyTree:
  """Replaces entries that are not finite by 0, and a gradient of 0 by noise.

  Where the gradient is 0, or NaN as that of a norm at a black image, an ascent
  would never leave its starting point. The noise is the same at every call and
  for all examples, so that no example depends on the rest of the batch.
  """
  finite = tree.finite(grad)
  return tree.where(_is_zero(finite), _noise(finite), finite)


def empty_result(pset: PerturbationSet, x: Array) -> SearchResult:
  """A result of value -inf, below any finite value."""
  return SearchResult(pset.zero(x), jnp.full(tree.batch_size(x), -jnp.inf))


def _score_and_raw_gradient(objective, pset, x, delta):
  value, gradient = jax.vjp(lambda t: score(objective, pset, x, t).value, delta)
  return SearchResult(delta, value), gradient(jnp.ones_like(value))[0]


def _is_zero(grad):
  return tree.norm(grad, "linf") == 0


def _noise(grad):
  leaves, treedef = jax.tree.flatten(grad)
  keys = jax.random.split(jax.random.key(0), len(leaves))
  noise = [
    jnp.broadcast_to(jax.random.normal(k, g.shape[1:]), g.shape)
    for k, g in zip(keys, leaves, strict=True)
  ]
  return jax.tree.unflatten(treedef, noise)
