"""One backward pass for all players of a game."""

from typing import Any

import jax

from robust_jax.games.players import (
  GameState,
  Loss,
  Optimizers,
  Reduce,
  Solver,
  descend,
  identity,
  initializer,
)
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


def joint(
  loss: Loss, optimizers: Optimizers, *, reduce: Reduce = identity
) -> Solver:
  """Every player descends the gradient of one common loss.

  With a `grad_reverse` between the players this is `simultaneous` on the
  corresponding game, at the cost of one backward pass.

  Args:
    loss: `(params of all players, *args) -> (scalar, aux)`.
    optimizers: the optimizer of each player, by name.
    reduce: applied to gradients, such as the mean over devices.

  Returns:
    The solver. Its aux is the aux of the loss, not one per player.

  Example:
    >>> import jax, optax
    >>> from robust_jax.games.grad_reverse import grad_reverse
    >>> from robust_jax.games.joint import joint
    >>> loss = lambda p: (p["y"] * grad_reverse(p["x"], 1.0), None)
    >>> solver = joint(loss, {"x": optax.sgd(0.1), "y": optax.sgd(0.1)})
    >>> state, aux = jax.jit(solver.step)(solver.init({"x": 1.0, "y": 1.0}))
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [1.1, 0.9]
  """

  def step(state: GameState, *args: Any):
    grads, aux = jax.grad(canonicalize_on_cpu(loss), has_aux=True)(
      state.params, *args
    )
    return descend(optimizers, reduce(grads), state), aux

  players = dict.fromkeys(optimizers, loss)
  return Solver(initializer(players, optimizers), step)
