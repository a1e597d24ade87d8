"""Descent on the players' losses and on the length of their field."""

from typing import Any

import jax

from robust_jax import checks
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
from robust_jax.types import Array


def consensus(
  players: Losses,
  optimizers: Optimizers,
  *,
  gamma: Array | float = 1.0,
  reduce: Reduce = identity,
) -> Solver:
  """All players move by `v + gamma grad(|v|^2 / 2)`, v the field of the game.

  The second term is the transposed Jacobian of v times v, by reverse mode over
  reverse mode: two to three times the cost of the field. It is reduced after v
  is, and so exact over devices, v being the mean over the whole batch. It also
  draws to points where v vanishes that are no equilibria, maxima among them.

  Args:
    players: the loss of each player, by name.
    optimizers: of each player, by the same names.
    gamma: weight of the second term, 0 or more; may be traced.
    reduce: what is done to gradients, such as the mean over devices; linear.

  Raises:
    ValueError: the names differ, or gamma is negative.

  Source: Mescheder et al. 2017, "The numerics of GANs", algorithm 2.
  """
  checks.non_negative("gamma", gamma)

  def step(state: GameState, *args: Any):
    grads, pull, aux = jax.vjp(
      lambda params: field(players, params, *args), state.params, has_aux=True
    )
    grads = reduce(grads)
    (agreement,) = pull(grads)
    grads = jax.tree.map(
      lambda v, a: (v + gamma * a).astype(v.dtype), grads, reduce(agreement)
    )
    return descend(optimizers, grads, state), aux

  return Solver(initializer(players, optimizers), step)
