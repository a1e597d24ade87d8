"""A step of one player of a game."""

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
  """Makes the step of one player, with the others held fixed.

  `alternating` consists of such steps. Use them directly for another order of
  moves, or with `lax.scan` where something passes from each move to the next,
  such as running BatchNorm statistics within several steps of a critic.

  Args:
    name: the player whose parameters and optimizer state change.
    loss: the player's loss.
    optimizer: the player's optimizer.
    reduce: applied to the gradient, such as the mean over devices.

  Returns:
    `(state, *args) -> (state, aux)`, where aux is that of the loss and the
    state is a `GameState`, as `alternating(...).init` makes it.

  Example:
    >>> import jax, optax
    >>> from robust_jax.games.player_step import player_step
    >>> from robust_jax.games.players import GameState
    >>> descent = optax.sgd(0.1)
    >>> step = player_step("x", lambda p: (p["x"] * p["y"], None), descent)
    >>> state = GameState({"x": 1.0, "y": 1.0}, {"x": descent.init(1.0)})
    >>> state, aux = jax.jit(step)(state)
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [0.9, 1.0]
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
