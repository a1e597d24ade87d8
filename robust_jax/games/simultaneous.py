"""All players move at once, each by its gradient at the same point."""

from typing import Any

from robust_jax.games.players import (
  GameState,
  Losses,
  Optimizers,
  Reduce,
  Solver,
  descend,
  field,
  identity,
  initializer,
)


def simultaneous(
  players: Losses, optimizers: Optimizers, *, reduce: Reduce = identity
) -> Solver:
  """Gradient descent-ascent; circles outward where the game is bilinear.

  Args:
    players: the loss of each player, by name.
    optimizers: of each player, by the same names.
    reduce: what is done to gradients, such as the mean over devices.

  Raises:
    ValueError: the names differ.
  """

  def step(state: GameState, *args: Any):
    grads, aux = field(players, state.params, *args)
    return descend(optimizers, reduce(grads), state), aux

  return Solver(initializer(players, optimizers), step)
