"""Gradient ascent with finite differences, for the score-based searches."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.search import ascent, steps
from robust_jax.types import Array, Key, PerturbationSet, PyTree, SearchResult

Draw = Callable[[Key, tuple[int, ...]], Array]
"""(key, shape) -> float32 of mean 0 and variance 1, coordinates independent."""


def estimated_gradient(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  delta: PyTree,
  *,
  draw: Draw,
  num_samples: int,
  radius: Array | float,
) -> PyTree:
  """Estimates the gradient at delta from `2 * num_samples` queries per example.

  The estimate is antithetic, with r the `radius` in the units of the set:

      mean over draws v of  (f(delta + r v) - f(delta - r v)) v / (2 r).

  The draws are the same for all examples, so that the estimate of an example
  does not depend on its place in the batch. Probes are cut to the box by
  `pset.apply` but may leave the set. A probe with a value that is not finite is
  ignored.
  """

  def add_pair(i, total):
    noise = _noise(draw, jax.random.fold_in(key, i), delta)
    unit = steps.coordinate_scales(pset, x, noise)
    probe = steps.scale_leaves(noise, unit)

    def value(radius):
      there = tree.add(delta, radius, probe)
      return ascent.score(objective, pset, x, there).value

    rise = value(radius) - value(-radius)
    rise = jnp.where(jnp.isfinite(rise), rise, 0.0) / (2 * num_samples)
    slope = jax.tree.map(lambda u: _quotient(rise, radius * u), unit)
    return tree.add(total, 1.0, steps.scale_leaves(noise, slope))

  nothing = jax.tree.map(jnp.zeros_like, delta)
  return jax.lax.fori_loop(0, num_samples, add_pair, nothing)


def ascend(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  draw: Draw,
  direction: steps.Direction,
  num_steps: int,
  num_samples: int,
  radius: Array | float,
  step_size: Array | float | None,
  momentum: Array | float = 0.0,
) -> SearchResult:
  """Ascends from the clean point along estimated gradients; best point visited.

  It makes `1 + num_steps * (2 * num_samples + 1)` queries per example.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_samples", num_samples)
  rule = steps.make_rule(
    direction,
    pset,
    x,
    num_steps=num_steps,
    step_size=step_size,
    momentum=momentum,
  )

  def step(i, carry):
    delta, memory, best = carry
    grad = estimated_gradient(
      jax.random.fold_in(key, i),
      objective,
      pset,
      x,
      delta,
      draw=draw,
      num_samples=num_samples,
      radius=radius,
    )
    delta, memory = rule.move(delta, ascent.usable_gradient(grad), memory)
    best = tree.better(best, ascent.score(objective, pset, x, delta))
    return delta, memory, best

  clean = ascent.score(objective, pset, x, pset.zero(x))
  first = clean.delta, rule.init(clean.delta), clean
  return jax.lax.fori_loop(0, num_steps, step, first)[2]


def _noise(draw: Draw, key: Key, delta: PyTree) -> PyTree:
  leaves, treedef = jax.tree.flatten(delta)
  keys = jax.random.split(key, len(leaves))
  noise = [
    jnp.broadcast_to(draw(k, leaf.shape[1:]), leaf.shape)
    for k, leaf in zip(keys, leaves, strict=True)
  ]
  return jax.tree.unflatten(treedef, noise)


def _quotient(a: Array, b: Array) -> Array:
  return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)
