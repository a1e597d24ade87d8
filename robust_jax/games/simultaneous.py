"""All players move at once, each by its gradient at the same point."""

from typing import Any

import optax

from robust_jax.games.players import (
  GameState,
  Losses,
  Optimisers,
  Reduce,
  Solver,
  field,
  identity,
  initialiser,
  updates,
)


def simultaneous(
  players: Losses, optimisers: Optimisers, *, reduce: Reduce = identity
) -> Solver:
  """Gradient descent-ascent; circles outward where the game is bilinear.

  Args:
    players: the loss of each player, by name.
    optimisers: of each player, by the same names.
    reduce: what is done to gradients, such as the mean over devices.

  Raises:
    ValueError: the names differ.
  """

  def step(state: GameState, *args: Any):
    grads, aux = field(players, state.params, *args)
    moves, opt_state = updates(
      optimisers, reduce(grads), state.opt_state, state.params
    )
    params = optax.apply_updates(state.params, moves)
    return GameState(params, opt_state), aux

  return Solver(initialiser(players, optimisers), step)
