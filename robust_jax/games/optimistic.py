"""Optimistic gradient descent: updates extrapolated from the last step."""

from typing import Any

import jax
import jax.numpy as jnp
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


def optimistic(
  players: Losses, optimizers: Optimizers, *, reduce: Reduce = identity
) -> Solver:
  """Optimistic gradient descent: all players move by `2 u_t - u_(t-1)`.

  u_t is the update of a player's optimizer at step t, including learning rate,
  moments and weight decay. With `optax.sgd` this is
  `optax.optimistic_gradient_descent`; with Adam it is optimistic Adam as
  published. The first step is u_0.

  Args:
    players: the loss of each player, by name.
    optimizers: the optimizer of each player, by the same names.
    reduce: applied to gradients, such as the mean over devices.

  Raises:
    ValueError: the names differ.

  Source: Daskalakis et al. 2018, "Training GANs with optimism", algorithm 1.

  Example:
    >>> import jax, optax
    >>> from robust_jax import games
    >>> players = {  # min over x, max over y of x y
    ...   "x": lambda p: (p["x"] * p["y"], None),
    ...   "y": lambda p: (-p["x"] * p["y"], None),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.sgd(0.1))
    >>> solver = games.optimistic(players, optimizers)
    >>> step, state = jax.jit(solver.step), solver.init({"x": 1.0, "y": 1.0})
    >>> for _ in range(2):
    ...   state, aux = step(state)
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [0.78, 1.18]
  """

  def memory(params):
    return zeros(params), jnp.zeros((), bool)

  def step(state: GameState, *args: Any):
    previous, started = state.memory
    grads, aux = field(players, state.params, *args)
    moves, opt_state = updates(
      optimizers, reduce(grads), state.opt_state, state.params
    )
    extrapolated = jax.tree.map(
      lambda u, p: u + jnp.where(started, u - p, 0), moves, previous
    )
    params = optax.apply_updates(state.params, extrapolated)
    return GameState(params, opt_state, (moves, jnp.ones((), bool))), aux

  return Solver(initializer(players, optimizers, memory), step)
