"""All players move by one backward pass."""

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
  """Every player descends its part of one loss' gradient.

  With a `grad_reverse` between the players this is `simultaneous` on the game
  that it stands for, at the price of one backward pass.

  Args:
    loss: `(params of all players, *args) -> (scalar, aux)`.
    optimizers: of each player, by name.
    reduce: what is done to gradients, such as the mean over devices.

  Returns:
    The solver; aux is that of the loss, once.
  """

  def step(state: GameState, *args: Any):
    grads, aux = jax.grad(canonicalize_on_cpu(loss), has_aux=True)(
      state.params, *args
    )
    return descend(optimizers, reduce(grads), state), aux

  players = dict.fromkeys(optimizers, loss)
  return Solver(initializer(players, optimizers), step)
