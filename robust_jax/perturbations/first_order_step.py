"""First-order steps in a perturbation set, and its linear maximizer."""

from robust_jax import tree
from robust_jax.types import Array, PerturbationSet, PyTree


def step(
  pset: PerturbationSet,
  x: Array,
  delta: PyTree,
  grad: PyTree,
  size: Array | float,
) -> PyTree:
  """A step of ascent of about `size` radii along the gradient; feasible.

  Args:
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    delta: feasible perturbation to start from.
    grad: gradient, like delta; its length does not matter.
    size: fraction of the radius; a float, a tracer or `[B]`.
  """
  if pset.step is not None:
    return pset.step(x, delta, grad, size)
  return pset.project(x, tree.add(delta, size, pset.linear_maximizer(x, grad)))


def linear_maximizer(pset: PerturbationSet, x: Array, grad: PyTree) -> PyTree:
  """The delta in set and box that maximizes `<grad, delta>`."""
  return step(pset, x, pset.zero(x), grad, 1.0)
