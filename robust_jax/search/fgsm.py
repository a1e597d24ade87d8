"""The fast gradient method: one step along the gradient."""

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
  """One step of the set from the clean point.

  On a model that is affine around x this is the optimum over an Lp ball and the
  box. Two forward passes and one backward, and one of each more if an example
  has no gradient at its clean point. That is kept where the step made the
  objective smaller.

  Args:
    key: not used; the method is deterministic.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    step_size: fraction of the radius; a float, a tracer or `[B]`.

  Source: Goodfellow et al. 2015, "Explaining and Harnessing Adversarial
  Examples", section 4; steps of the set generalize the sign. Deviation:
  the published method returns the step even where it does not help.
  """
  del key
  clean, grad = ascent.clean_and_gradient(objective, pset, x)
  delta = first_order_step.step(pset, x, clean.delta, grad, step_size)
  return tree.better(clean, ascent.score(objective, pset, x, delta))
