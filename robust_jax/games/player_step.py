"""One player moves, the others wait."""

from collections.abc import Callable
from typing import Any

import optax

from robust_jax.games.players import (
  GameState,
  Loss,
  Reduce,
  gradient,
  identity,
)


def player_step(
  name: str,
  loss: Loss,
  optimizer: optax.GradientTransformation,
  *,
  reduce: Reduce = identity,
) -> Callable[..., tuple[GameState, Any]]:
  """One player's step, of which `alternating` is made.

  For a schedule of moves that `alternating` does not know, or where something
  must pass from each move to the next (running statistics of BatchNorm within
  several steps of a critic): the caller's own `lax.scan` over turns.

  Args:
    name: whose parameters and optimizer state change.
    loss: its loss.
    optimizer: its optimizer.
    reduce: what is done to the gradient, such as the mean over devices.

  Returns:
    `(state, *args) -> (state, aux)`, with what the loss returned as aux; the
    state is a `GameState` as `alternating(...).init` makes it.
  """

  def move(state: GameState, *args: Any) -> tuple[GameState, Any]:
    grad, aux = gradient(loss, name, state.params, *args)
    own = state.params[name]
    update, opt_state = optimizer.update(
      reduce(grad), state.opt_state[name], own
    )
    return GameState(
      {**state.params, name: optax.apply_updates(own, update)},
      {**state.opt_state, name: opt_state},
      state.memory,
    ), aux

  return move
