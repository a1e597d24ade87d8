"""Projected L-BFGS in the box [0, 1], separately for each example."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from robust_jax import tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.types import Array

_MAX_HALVINGS = 8
_DECREASE = 1e-4
_ROUNDING = 1e-6


def minimize_in_box(
  loss: Callable[[Array], tuple[Array, Any]],
  x: Array,
  visit: Callable[[Any, Array, Any], Any],
  visited: Any,
  num_steps: int,
  memory: int,
) -> Any:
  """Minimizes `loss(x)[0] [B]` from x, passing each iterate to `visit`.

  A step uses the quasi-Newton direction in the free coordinates, those not held
  at the boundary by the gradient, along a path projected onto the box. It is
  halved until the loss decreases sufficiently (Armijo). If the direction is not
  a descent direction, the negative gradient is used. An example that makes no
  progress discards its memory and continues along the gradient.

  Args:
    loss: x' `[B, ...]` -> (`[B]`, auxiliary output).
    x: starting points `[B, ...]` in the box.
    visit: `(visited, x', aux) -> visited`, called once per iterate.
    visited: first argument of `visit` at the start.
    num_steps: number of iterates, without the last.
    memory: number of stored pairs of steps and gradient changes.

  Source: Bertsekas 1982, "Projected Newton methods for optimization problems
  with simple constraints"; the two-loop recursion of L-BFGS is that of optax.
  """
  quasi_newton = optax.scale_by_lbfgs(memory)
  fresh = jax.vmap(quasi_newton.init)(x)

  def step(carry):
    x, state, stuck, visited = carry
    value, aux, grad = minimal.value_and_gradient(loss, x)
    visited = visit(visited, x, aux)
    descent = minimal.free_gradient(x, -grad)
    direction, state = jax.vmap(quasi_newton.update)(-descent, state, x)
    direction = jnp.where(descent == 0, 0.0, -direction)
    descends = tree.dot(direction, descent) > 0
    direction = tree.where(descends, direction, tree.normalize(descent, "l2"))
    moved, new = _search_line(loss, x, value, grad, direction)
    stuck = jnp.where(moved, 0, stuck + 1)
    return new, tree.where(moved, state, fresh), stuck, visited

  def unless_all_stuck(_, carry):
    # Stuck twice: once with its memory and once along the gradient.
    done = (carry[2] >= 2).all()
    return jax.lax.cond(done, lambda carry: carry, step, carry)

  start = (x, fresh, jnp.zeros(len(x), jnp.int32), visited)
  x, *_, visited = jax.lax.fori_loop(0, num_steps, unless_all_stuck, start)
  return visit(visited, x, loss(x)[1])


def _search_line(loss, x, value, grad, direction):
  """Returns the examples that moved, and their new points.

  Halvings are skipped once all examples are done. An example whose possible
  gain is below the rounding of its value has converged.
  """

  def at(size):
    return jnp.clip(x + tree.expand(size, x) * direction, 0.0, 1.0)

  def attempt(carry):
    size, done = carry
    new = at(size)
    fall = jnp.minimum(tree.dot(grad, new - x), 0.0)
    enough = loss(new)[0] <= value + _DECREASE * fall
    return jnp.where(done | enough, size, size / 2), done | enough

  def unless_done(_, carry):
    return jax.lax.cond(carry[1].all(), lambda carry: carry, attempt, carry)

  gain = -tree.dot(grad, at(1.0) - x)
  arrived = gain <= _ROUNDING * jnp.abs(value)
  start = (jnp.ones(len(x)), arrived)
  size, done = jax.lax.fori_loop(0, _MAX_HALVINGS, unless_done, start)
  moved = done & ~arrived
  return moved, tree.where(moved, at(size), x)
