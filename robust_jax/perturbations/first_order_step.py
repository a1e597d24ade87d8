"""What a gradient says about a set: where to step, and its best point."""

from robust_jax import tree
from robust_jax.types import Array, PerturbationSet, PyTree


def step(
  pset: PerturbationSet,
  x: Array,
  delta: PyTree,
  grad: PyTree,
  size: Array | float,
) -> PyTree:
  """The set's own step of ascent, `size` radii long; feasible.

  Args:
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    delta: feasible, where to step from.
    grad: like delta; its length does not matter.
    size: fraction of the radius; a float, a tracer or `[B]`.
  """
  if pset.step is not None:
    return pset.step(x, delta, grad, size)
  return pset.project(x, tree.add(delta, size, pset.linear_maximizer(x, grad)))


def linear_maximizer(pset: PerturbationSet, x: Array, grad: PyTree) -> PyTree:
  """The delta in set and box of largest `<grad, delta>`."""
  return step(pset, x, pset.zero(x), grad, 1.0)
