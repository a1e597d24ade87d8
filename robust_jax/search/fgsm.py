"""Fast gradient method (FGSM): one step along the gradient."""

from collections.abc import Callable

from robust_jax import tree
from robust_jax.perturbations import first_order_step
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, SearchResult


def fgsm(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  step_size: Array | float = 1.0,
) -> SearchResult:
  """Fast gradient sign method (FGSM): one step of the set from the clean point.

  For a model that is affine around x the result is the optimum over an Lp ball
  and the box. It makes two forward passes and one backward pass, and one more
  of each if an example has no gradient at its clean point. The clean point is
  kept where the step decreased the objective.

  Args:
    key: unused; the method is deterministic.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    step_size: fraction of the radius; a float, a tracer or `[B]`.

  Source: Goodfellow et al. 2015, "Explaining and Harnessing Adversarial
  Examples", section 4; the steps of the set generalize the sign.

  Deviation: the published method returns the step even if it decreases the
  objective.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=-1)
    >>> print(search.fgsm(jax.random.key(0), objective, pset, x).value.round(3))
    [2.25 2.25]
  """
  del key
  clean, grad = ascent.clean_score_and_gradient(objective, pset, x)
  delta = first_order_step.step(pset, x, clean.delta, grad, step_size)
  return tree.better(clean, ascent.score(objective, pset, x, delta))
