"""Extragradient: a step by the gradient at an extrapolated point."""

from typing import Any

import jax

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
  stacked,
)


def extragradient(
  players: Losses,
  optimizers: Optimizers,
  *,
  fresh: bool = False,
  reduce: Reduce = identity,
) -> Solver:
  """Extragradient: all players extrapolate, then step by the gradients there.

  Both gradients advance the optimizers, which therefore count two updates per
  step (`set_schedule_step` keeps their schedules aligned with the run). Both
  updates start from the parameters before the step, also for weight decay.

  Args:
    players: the loss of each player, by name.
    optimizers: the optimizer of each player, by the same names.
    fresh: whether the second gradient has its own args, as stochastic games
      need. Every leaf of args then leads with 2. If False, both gradients use
      the same args.
    reduce: applied to gradients, such as the mean over devices.

  Returns:
    The solver. Its aux is of the losses before the step, not of those at the
    extrapolated point.

  Raises:
    ValueError: the names differ. The step raises it if args do not lead with 2.

  Source: Korpelevich 1976, "The extragradient method for finding saddle points
  and other problems"; with Adam, Gidel et al. 2019, "A variational inequality
  perspective on generative adversarial networks", algorithm 4.

  Example:
    >>> import jax, optax
    >>> from robust_jax import games
    >>> players = {  # min over x, max over y of x y
    ...   "x": lambda p: (p["x"] * p["y"], None),
    ...   "y": lambda p: (-p["x"] * p["y"], None),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.sgd(0.1))
    >>> solver = games.extragradient(players, optimizers)
    >>> state, aux = jax.jit(solver.step)(solver.init({"x": 1.0, "y": 1.0}))
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [0.89, 1.09]
  """

  def step(state: GameState, *args: Any):
    here, ahead = _two(args) if fresh else (args, args)
    grads, aux = field(players, state.params, *here)
    looked = descend(optimizers, reduce(grads), state)
    grads, _ = field(players, looked.params, *ahead)
    start = GameState(state.params, looked.opt_state)
    return descend(optimizers, reduce(grads), start), aux

  init = initializer(players, optimizers)
  return Solver(init, step, num_args=2 if fresh else None)


def _two(args):
  stacked(args, 2, "for the two gradients of a step")
  return [jax.tree.map(lambda leaf, i=i: leaf[i], args) for i in (0, 1)]
