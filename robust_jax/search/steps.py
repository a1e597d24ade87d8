"""From a gradient, or an estimate of one, to the next theta of an ascent."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax import tree
from robust_jax.perturbations import first_order
from robust_jax.types import Array, PerturbationSet, PyTree

Direction = Literal["steepest", "normalised", "adam"]


class Rule(NamedTuple):
  """A rule of ascent.

  Attributes:
    init: `(theta) -> memory`, before the first step.
    move: `(theta, grad, memory) -> (theta, memory)`, the new theta feasible.
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
    direction: "steepest" makes the steps of the set, by the velocity.
      "normalised" moves along the velocity itself, as far as "steepest" would
      in Euclidean length; in an L2 ball the two are one. "adam" moves along
      Adam's update of the velocities, by as much as the root mean square of
      the coordinates of "steepest" where that update is 1: shorter where
      gradients disagree.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: how many are made.
    step_size: fraction of the radius; a float, a tracer or `[B]`. None is
      `across(num_steps, direction)`.
    momentum: decay of the velocity.

  Raises:
    ValueError: another direction.
  """
  if direction not in ("steepest", "normalised", "adam"):
    raise ValueError(
      f"direction = '{direction}': wanted 'steepest', 'normalised' or 'adam'."
    )
  if step_size is None:
    step_size = across(num_steps, direction)
  # Elementwise, so that no example sees another's gradient.
  moments = optax.scale_by_adam() if direction == "adam" else optax.identity()

  def init(theta):
    return jax.tree.map(jnp.zeros_like, theta), moments.init(theta)

  def move(theta, grad, memory):
    velocity, state = memory
    velocity = tree.add(tree.normalise(grad, 1), momentum, velocity)
    update, state = moments.update(velocity, state)
    if direction == "steepest":
      ahead = first_order.step(pset, x, theta, update, step_size)
      return ahead, (velocity, state)
    if direction == "normalised":
      size = _root_mean_square(update)
      update = scaled(update, jax.tree.map(_inverse, size))
    ahead = scaled(update, units(pset, x, update))
    ahead = tree.add(theta, step_size, ahead)
    return pset.project(x, ahead), (velocity, state)

  return Rule(init, move)


def across(num_steps: int, direction: Direction = "steepest") -> float:
  """The step size with which `num_steps` reach any point of the set from any.

  The furthest are two radii apart: 2.5 in all leaves some for the way round.
  "normalised" steps are that long only where the slope is the mean one; 10 in
  all take coordinates of a quarter of it across.

  Source: Madry et al. 2018, section 5, with 100 steps.
  """
  return (10.0 if direction == "normalised" else 2.5) / num_steps


def units(pset: PerturbationSet, x: Array, update: PyTree) -> PyTree:
  """What 1 means in each leaf of theta, `[B]` each: the set's own scale.

  The root mean square of the coordinates of `pset.steepest(x, update)`: eps for
  an Linf ball, eps / sqrt(dimension) for an L2 ball.
  """
  return _root_mean_square(pset.steepest(x, update))


def scaled(update: PyTree, scale: PyTree) -> PyTree:
  """Each leaf times its own `[B]`."""
  return jax.tree.map(lambda u, s: u * tree.expand(s, u), update, scale)


def _root_mean_square(theta: PyTree) -> PyTree:
  return jax.tree.map(
    lambda t: tree.norm(t, 2) / (t.size / t.shape[0]) ** 0.5, theta
  )


def _inverse(size: Array) -> Array:
  return jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1.0), 0.0)
