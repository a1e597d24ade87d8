"""Update rules: from a gradient, or its estimate, to the next delta."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax import tree
from robust_jax.perturbations import first_order_step
from robust_jax.types import Array, PerturbationSet, PyTree

Direction = Literal["linear_maximizer", "normalized", "adam"]


class Rule(NamedTuple):
  """An update rule of gradient ascent.

  Attributes:
    init: `(delta) -> memory`, before the first step.
    move: `(delta, grad, memory) -> (delta, memory)`, with a feasible new delta.
  """

  init: Callable[[PyTree], Any]
  move: Callable[[PyTree, PyTree, Any], tuple[PyTree, Any]]


def make_rule(
  direction: Direction,
  pset: PerturbationSet,
  x: Array,
  *,
  num_steps: int,
  step_size: Array | float | None = None,
  momentum: Array | float = 0.0,
) -> Rule:
  """Projected ascent along a velocity that sums gradients of unit L1 norm.

  Args:
    direction: "linear_maximizer" makes the steps of the set along the velocity.
      "normalized" moves along the velocity itself, by the Euclidean length that
      "linear_maximizer" would move; in an L2 ball the two are the same. "adam"
      moves along Adam's update of the velocities, by the root mean square of
      the coordinates of "linear_maximizer" where that update is 1, and by less
      where gradients disagree.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: number of steps.
    step_size: fraction of the radius; a float, a tracer or `[B]`. By default
      `default_step_size(num_steps, direction)`.
    momentum: decay of the velocity.

  Raises:
    ValueError: `direction` is unknown.
  """
  if direction not in ("linear_maximizer", "normalized", "adam"):
    raise ValueError(
      f"direction = '{direction}': expected 'linear_maximizer', 'normalized' "
      "or 'adam'."
    )
  if step_size is None:
    step_size = default_step_size(num_steps, direction)
  # Elementwise, so that no example sees another's gradient.
  moments = optax.scale_by_adam() if direction == "adam" else optax.identity()

  def init(delta):
    return jax.tree.map(jnp.zeros_like, delta), moments.init(delta)

  def move(delta, grad, memory):
    velocity, state = memory
    velocity = tree.add(tree.normalize(grad, "l1"), momentum, velocity)
    update, state = moments.update(velocity, state)
    if direction == "linear_maximizer":
      ahead = first_order_step.step(pset, x, delta, update, step_size)
      return ahead, (velocity, state)
    if direction == "normalized":
      size = _root_mean_square(update)
      update = scale_leaves(update, jax.tree.map(_inverse, size))
    ahead = scale_leaves(update, coordinate_scales(pset, x, update))
    ahead = tree.add(delta, step_size, ahead)
    return pset.project(x, ahead), (velocity, state)

  return Rule(init, move)


def default_step_size(
  num_steps: int, direction: Direction = "linear_maximizer"
) -> float:
  """Step size with which `num_steps` steps can cross the set.

  The farthest points of a ball are two radii apart; a total length of 2.5 radii
  leaves a margin. Steps of "normalized" have that length only in coordinates
  with the mean slope; a total of 10 lets coordinates with a quarter of it
  cross.

  Source: Madry et al. 2018, section 5, with 100 steps.
  """
  return (10.0 if direction == "normalized" else 2.5) / num_steps


def coordinate_scales(
  pset: PerturbationSet, x: Array, update: PyTree
) -> PyTree:
  """Scale of a coordinate in each leaf of delta, `[B]` each.

  The root mean square of the coordinates of `pset.linear_maximizer(x, update)`:
  eps for an Linf ball, eps / sqrt(dimension) for an L2 ball.
  """
  return _root_mean_square(pset.linear_maximizer(x, update))


def scale_leaves(update: PyTree, scale: PyTree) -> PyTree:
  """Multiplies each leaf by its own scale `[B]`."""
  return jax.tree.map(lambda u, s: u * tree.expand(s, u), update, scale)


def _root_mean_square(delta: PyTree) -> PyTree:
  return jax.tree.map(
    lambda t: tree.norm(t, "l2") / (t.size / t.shape[0]) ** 0.5, delta
  )


def _inverse(size: Array) -> Array:
  return jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1.0), 0.0)
