"""Consensus optimization: descent that also shortens the vector field."""

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
  """Consensus optimization: gradients plus a pull to where they vanish.

  All players descend `v + gamma grad(|v|^2 / 2)`, where v is the vector field
  of the game, each player's gradient of its own loss.

  The second term is the transposed Jacobian of v times v, computed by reverse
  mode over reverse mode at two to three times the cost of v. It uses the
  reduced v, so it is exact over devices, where v is the mean over the whole
  batch. It also attracts to points where v vanishes that are not equilibria,
  such as maxima.

  Args:
    players: the loss of each player, by name.
    optimizers: the optimizer of each player, by the same names.
    gamma: weight of the second term, 0 or more; may be traced.
    reduce: applied to gradients, such as the mean over devices; linear.

  Raises:
    ValueError: the names differ, or gamma is negative.

  Source: Mescheder et al. 2017, "The numerics of GANs", algorithm 2.

  Example:
    >>> import jax, optax
    >>> from robust_jax import games
    >>> players = {  # min over x, max over y of x y
    ...   "x": lambda p: (p["x"] * p["y"], None),
    ...   "y": lambda p: (-p["x"] * p["y"], None),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.sgd(0.1))
    >>> solver = games.consensus(players, optimizers, gamma=1.0)
    >>> state, aux = jax.jit(solver.step)(solver.init({"x": 1.0, "y": 1.0}))
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [0.8, 1.0]
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
