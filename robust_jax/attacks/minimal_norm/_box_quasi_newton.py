"""Projected L-BFGS in the box [0, 1], every example of a batch on its own."""

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
  seen: Any,
  num_steps: int,
  memory: int,
) -> Any:
  """Minimizes `loss(x)[0] [B]` from x, showing each iterate to `visit`.

  A step has quasi-Newton's direction in the coordinates that are free, those
  not held at the edge by the gradient, and goes along the path cut to the box;
  it is halved until the loss falls enough (Armijo). Where the direction does
  not descend it is the negative gradient. An example that cannot go on forgets
  what it remembers and goes on along the gradient.

  Args:
    loss: x' `[B, ...]` -> (`[B]`, auxiliary output).
    x: the start `[B, ...]`, in the box.
    visit: `(seen, x', aux) -> seen`, called once per iterate.
    seen: its first argument at the start.
    num_steps: iterates, but for the last.
    memory: remembered pairs.

  Source: Bertsekas 1982, "Projected Newton methods for optimization problems
  with simple constraints"; the two loops of L-BFGS are optax's.
  """
  quasi_newton = optax.scale_by_lbfgs(memory)
  fresh = jax.vmap(quasi_newton.init)(x)

  def step(carry):
    x, state, stuck, seen = carry
    value, aux, grad = minimal.gradient(loss, x)
    seen = visit(seen, x, aux)
    descent = minimal.free(x, -grad)
    direction, state = jax.vmap(quasi_newton.update)(-descent, state, x)
    direction = jnp.where(descent == 0, 0.0, -direction)
    descends = tree.dot(direction, descent) > 0
    direction = tree.where(descends, direction, tree.normalize(descent, "l2"))
    moved, new = _search_line(loss, x, value, grad, direction)
    stuck = jnp.where(moved, 0, stuck + 1)
    return new, tree.where(moved, state, fresh), stuck, seen

  def unless_all_stuck(_, carry):
    # Once by what is remembered and once along the gradient.
    done = (carry[2] >= 2).all()
    return jax.lax.cond(done, lambda carry: carry, step, carry)

  start = (x, fresh, jnp.zeros(len(x), jnp.int32), seen)
  x, *_, seen = jax.lax.fori_loop(0, num_steps, unless_all_stuck, start)
  return visit(seen, x, loss(x)[1])


def _search_line(loss, x, value, grad, direction):
  """Which examples could move, and where to; halvings that all skip are free.

  One that could gain no more than the rounding of its value has arrived.
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
