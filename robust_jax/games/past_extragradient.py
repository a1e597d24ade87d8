"""Past extragradient: extrapolation at the cost of one gradient per step."""

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
  """Past extragradient: all players extrapolate by their previous update.

  That update is the solver's memory, 0 before the first step, which is
  therefore simultaneous descent.

  Args:
    players: the loss of each player, by name.
    optimizers: the optimizer of each player, by the same names.
    reduce: applied to gradients, such as the mean over devices.

  Returns:
    The solver. Its aux is of the losses at the extrapolated point, the only one
    where they are evaluated.

  Raises:
    ValueError: the names differ.

  Source: Popov 1980, "A modification of the Arrow-Hurwicz method for search of
  saddle points"; Gidel et al. 2019, "A variational inequality perspective on
  generative adversarial networks", extrapolation from the past.

  Deviation: the previous update is reused, where algorithm 4 of Gidel et al.
  passes the old gradient to Adam again. No gradient counts twice here.

  Example:
    >>> import jax, optax
    >>> from robust_jax import games
    >>> players = {  # min over x, max over y of x y
    ...   "x": lambda p: (p["x"] * p["y"], None),
    ...   "y": lambda p: (-p["x"] * p["y"], None),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.sgd(0.1))
    >>> solver = games.past_extragradient(players, optimizers)
    >>> step, state = jax.jit(solver.step), solver.init({"x": 1.0, "y": 1.0})
    >>> for _ in range(2):
    ...   state, aux = step(state)
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [0.78, 1.18]
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
