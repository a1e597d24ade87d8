"""Simultaneous gradient descent-ascent."""

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
  """Simultaneous descent: all players move by gradients at the same point.

  On a bilinear game it circles outward and diverges.

  Args:
    players: the loss of each player, by name.
    optimizers: the optimizer of each player, by the same names.
    reduce: applied to gradients, such as the mean over devices.

  Raises:
    ValueError: the names differ.

  Example:
    >>> import jax, optax
    >>> from robust_jax import games
    >>> players = {  # min over x, max over y of x y
    ...   "x": lambda p: (p["x"] * p["y"], None),
    ...   "y": lambda p: (-p["x"] * p["y"], None),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.sgd(0.1))
    >>> solver = games.simultaneous(players, optimizers)
    >>> state, aux = jax.jit(solver.step)(solver.init({"x": 1.0, "y": 1.0}))
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [0.9, 1.1]
  """

  def step(state: GameState, *args: Any):
    grads, aux = field(players, state.params, *args)
    return descend(optimizers, reduce(grads), state), aux

  return Solver(initializer(players, optimizers), step)
