"""Frank-Wolfe: ascent without a step size or a projection onto the set."""

from collections.abc import Callable

import jax

from robust_jax import checks, tree
from robust_jax.perturbations import first_order_step
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, PyTree, SearchResult


def frank_wolfe(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_steps: int = 40,
  random_start: bool = True,
) -> SearchResult:
  """Moves towards the point of the set that the gradient likes best.

  delta becomes `delta + gamma (maximizer - delta)`, gamma = 2 / (t + 2): a
  weighted mean of points of set and box, and so a point of both where the set
  is convex.
  The first step (gamma = 1) goes all the way. One forward and one backward pass
  per step, and two forward passes more: the clean point, where the start is
  not already it, and the last iterate.

  Args:
    key: consumed by the random start.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: gradient steps.
    random_start: take the first gradient at `pset.sample`, or at the clean
      point.

  Raises:
    ValueError: zero steps.

  Source: Frank and Wolfe 1956, with the steps of Jaggi 2013, algorithm 1; as an
  attack Chen, Zhou, Yi and Gu 2020, "A Frank-Wolfe Framework for Efficient and
  Effective Adversarial Attacks", which adds momentum and a fixed rate.
  Deviations: the mean is projected, which brings it back where a set is not
  convex; the best point visited is returned.
  """
  checks.at_least_one("num_steps", num_steps)

  def step(t, carry):
    delta, best = carry
    here, grad = ascent.score_and_gradient(objective, pset, x, delta)
    ahead = first_order_step.linear_maximizer(pset, x, grad)
    mean = _between(delta, ahead, 2 / (t + 2))
    return pset.project(x, mean), tree.better(best, here)

  clean = pset.zero(x)
  start, best = clean, ascent.nothing(pset, x)
  if random_start:
    start = pset.sample(key, x)
    best = ascent.score(objective, pset, x, clean)
  delta, best = jax.lax.fori_loop(0, num_steps, step, (start, best))
  return tree.better(best, ascent.score(objective, pset, x, delta))


def _between(a: PyTree, b: PyTree, fraction: Array) -> PyTree:
  return jax.tree.map(lambda u, v: (1 - fraction) * u + fraction * v, a, b)
