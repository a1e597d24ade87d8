"""Extragradient at the price of one gradient."""

from typing import Any

import optax

from robust_jax.games.players import (
  GameState,
  Losses,
  Optimizers,
  Reduce,
  Solver,
  field,
  identity,
  initializer,
  updates,
  zeros,
)


def past_extragradient(
  players: Losses, optimizers: Optimizers, *, reduce: Reduce = identity
) -> Solver:
  """All players extrapolate by the update of the step before.

  The memory is that update; there is none before the first step, which is
  therefore simultaneous descent.

  Args:
    players: the loss of each player, by name.
    optimizers: of each player, by the same names.
    reduce: what is done to gradients, such as the mean over devices.

  Returns:
    The solver; aux is of the losses at the extrapolated point, the only one
    where they are asked.

  Raises:
    ValueError: the names differ.

  Source: Popov 1980; Gidel et al. 2019, "A variational inequality perspective
  on generative adversarial networks", extrapolation from the past. The update
  is reused, where their algorithm 4 shows Adam the old gradient once more: here
  no gradient counts twice.
  """

  def step(state: GameState, *args: Any):
    ahead = optax.apply_updates(state.params, state.memory)
    grads, aux = field(players, ahead, *args)
    moves, opt_state = updates(
      optimizers, reduce(grads), state.opt_state, state.params
    )
    params = optax.apply_updates(state.params, moves)
    return GameState(params, opt_state, moves), aux

  return Solver(initializer(players, optimizers, zeros), step)
