"""Frank-Wolfe: projection-free ascent without a step size to choose."""

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
  """Frank-Wolfe: moves towards the maximizer of the linearized objective.

      delta <- delta + gamma_t (argmax_{d in set} <grad, d> - delta),
      gamma_t = 2 / (t + 2).

  Iterates are weighted means of points in the set and the box, and so remain in
  both if the set is convex. The first step (gamma = 1) goes all the way. It
  makes one forward and one backward pass per step, and two more forward passes:
  one for the clean point, if the search does not start there, and one for the
  last iterate.

  Args:
    key: random key, consumed by the random start.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: number of gradient steps.
    random_start: whether the first gradient is taken at `pset.sample`,
      otherwise at the clean point.

  Raises:
    ValueError: num_steps is not a whole number, 1 or more.

  Source: Frank and Wolfe 1956, with the step sizes of Jaggi 2013, algorithm 1;
  as an attack Chen, Zhou, Yi and Gu 2020, "A Frank-Wolfe Framework for
  Efficient and Effective Adversarial Attacks", who add momentum and a fixed
  rate.

  Deviation: the mean is projected, for sets that are not convex; the best point
  visited is returned.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=-1)
    >>> key = jax.random.key(0)
    >>> found = search.frank_wolfe(key, objective, pset, x, num_steps=3)
    >>> print(found.value.round(3))
    [2.25 2.25]
  """
  checks.at_least_one("num_steps", num_steps)

  def step(t, carry):
    delta, best = carry
    here, grad = ascent.score_and_gradient(objective, pset, x, delta)
    ahead = first_order_step.linear_maximizer(pset, x, grad)
    mean = _between(delta, ahead, 2 / (t + 2))
    return pset.project(x, mean), tree.better(best, here)

  clean = pset.zero(x)
  start, best = clean, ascent.empty_result(pset, x)
  if random_start:
    start = pset.sample(key, x)
    best = ascent.score(objective, pset, x, clean)
  delta, best = jax.lax.fori_loop(0, num_steps, step, (start, best))
  return tree.better(best, ascent.score(objective, pset, x, delta))


def _between(a: PyTree, b: PyTree, fraction: Array) -> PyTree:
  return jax.tree.map(lambda u, v: (1 - fraction) * u + fraction * v, a, b)
