"""Look ahead, then step by the gradient found there."""

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
  """All players extrapolate, then step from where they were; two gradients.

  Both gradients advance the optimizers, which therefore count two for each
  step (`set_schedule_step` keeps their schedules to the run); both updates are
  added to the parameters before the step, which weight decay sees too.

  Args:
    players: the loss of each player, by name.
    optimizers: of each player, by the same names.
    fresh: the second gradient has args of its own, as stochastic games want:
      every leaf of args leads with 2. False: both take the same args.
    reduce: what is done to gradients, such as the mean over devices.

  Returns:
    The solver; aux is of the losses before the step, not ahead of it.

  Raises:
    ValueError: the names differ; from the step, args that do not lead with 2.

  Source: Korpelevich 1976; with Adam, Gidel et al. 2019, "A variational
  inequality perspective on generative adversarial networks", algorithm 4.
  """

  def step(state: GameState, *args: Any):
    here, ahead = _two(args) if fresh else (args, args)
    grads, aux = field(players, state.params, *here)
    looked = descend(optimizers, reduce(grads), state)
    grads, _ = field(players, looked.params, *ahead)
    start = GameState(state.params, looked.opt_state)
    return descend(optimizers, reduce(grads), start), aux

  return Solver(initializer(players, optimizers), step)


def _two(args):
  stacked(args, 2, "for the two gradients of a step")
  return [jax.tree.map(lambda leaf, i=i: leaf[i], args) for i in (0, 1)]
