"""From a gradient, or an estimate of one, to the next delta of an ascent."""

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
  """A rule of ascent.

  Attributes:
    init: `(delta) -> memory`, before the first step.
    move: `(delta, grad, memory) -> (delta, memory)`, the new delta feasible.
  """

  init: Callable[[PyTree], Any]
  move: Callable[[PyTree, PyTree, Any], tuple[PyTree, Any]]


def along(
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
    direction: "linear_maximizer" makes the steps of the set, by the velocity.
      "normalized" moves along the velocity itself, as far as "linear_maximizer"
      would in Euclidean length; in an L2 ball the two are one. "adam" moves
      along Adam's update of the velocities, by as much as the root mean square
      of the coordinates of "linear_maximizer" where that update is 1: shorter
      where gradients disagree.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: how many are made.
    step_size: fraction of the radius; a float, a tracer or `[B]`. None is
      `across(num_steps, direction)`.
    momentum: decay of the velocity.

  Raises:
    ValueError: another direction.
  """
  if direction not in ("linear_maximizer", "normalized", "adam"):
    raise ValueError(
      f"direction = '{direction}': expected 'linear_maximizer', 'normalized' "
      "or 'adam'."
    )
  if step_size is None:
    step_size = across(num_steps, direction)
  # Elementwise, so that no example sees another's gradient.
  moments = optax.scale_by_adam() if direction == "adam" else optax.identity()

  def init(delta):
    return jax.tree.map(jnp.zeros_like, delta), moments.init(delta)

  def move(delta, grad, memory):
    velocity, state = memory
    velocity = tree.add(tree.normalize(grad, 1), momentum, velocity)
    update, state = moments.update(velocity, state)
    if direction == "linear_maximizer":
      ahead = first_order_step.step(pset, x, delta, update, step_size)
      return ahead, (velocity, state)
    if direction == "normalized":
      size = _root_mean_square(update)
      update = scaled(update, jax.tree.map(_inverse, size))
    ahead = scaled(update, units(pset, x, update))
    ahead = tree.add(delta, step_size, ahead)
    return pset.project(x, ahead), (velocity, state)

  return Rule(init, move)


def across(num_steps: int, direction: Direction = "linear_maximizer") -> float:
  """The step size with which `num_steps` reach any point of the set from any.

  The furthest are two radii apart: 2.5 in all leaves some for the way round.
  "normalized" steps are that long only where the slope is the mean one; 10 in
  all take coordinates of a quarter of it across.

  Source: Madry et al. 2018, section 5, with 100 steps.
  """
  return (10.0 if direction == "normalized" else 2.5) / num_steps


def units(pset: PerturbationSet, x: Array, update: PyTree) -> PyTree:
  """What 1 means in each leaf of delta, `[B]` each: the set's own scale.

  The root mean square of the coordinates of `pset.linear_maximizer(x, update)`:
  eps for an Linf ball, eps / sqrt(dimension) for an L2 ball.
  """
  return _root_mean_square(pset.linear_maximizer(x, update))


def scaled(update: PyTree, scale: PyTree) -> PyTree:
  """Each leaf times its own `[B]`."""
  return jax.tree.map(lambda u, s: u * tree.expand(s, u), update, scale)


def _root_mean_square(delta: PyTree) -> PyTree:
  return jax.tree.map(
    lambda t: tree.norm(t, 2) / (t.size / t.shape[0]) ** 0.5, delta
  )


def _inverse(size: Array) -> Array:
  return jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1.0), 0.0)
