"""Step as if the update were to change again as it just did."""

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
  """All players move by `2 u_t - u_(t-1)`, u being their optimizer's updates.

  Learning rate, moments and weight decay are in u. With `optax.sgd` this is
  `optax.optimistic_gradient_descent`; with Adam it is optimistic Adam as
  published. The first step is u_0 alone.

  Args:
    players: the loss of each player, by name.
    optimizers: of each player, by the same names.
    reduce: what is done to gradients, such as the mean over devices.

  Raises:
    ValueError: the names differ.

  Source: Daskalakis et al. 2018, "Training GANs with optimism", algorithm 1.
  """

  def memory(params):
    return zeros(params), jnp.zeros((), bool)

  def step(state: GameState, *args: Any):
    previous, started = state.memory
    grads, aux = field(players, state.params, *args)
    moves, opt_state = updates(
      optimizers, reduce(grads), state.opt_state, state.params
    )
    hopeful = jax.tree.map(
      lambda u, p: u + jnp.where(started, u - p, 0), moves, previous
    )
    params = optax.apply_updates(state.params, hopeful)
    return GameState(params, opt_state, (moves, jnp.ones((), bool))), aux

  return Solver(initializer(players, optimizers, memory), step)
