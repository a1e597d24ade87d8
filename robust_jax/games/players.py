"""Records and steps that all solvers of games are made of."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax.types import Array, PyTree
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

Params = dict[str, PyTree]
"""The parameters of all players, by name."""

Loss = Callable[..., tuple[Array, PyTree]]
"""(params of all players, *args) -> (scalar loss, aux).

The loss that one player minimizes over its own parameters. In a zero-sum game
of two, one loss is minus the other."""

Losses = Mapping[str, Loss]
Optimizers = Mapping[str, optax.GradientTransformation]
Reduce = Callable[[PyTree], PyTree]


class GameState(NamedTuple):
  """The state of a game, of the same structure before and after a step.

  Attributes:
    params: the parameters of each player.
    opt_state: the optimizer state of each player.
    memory: what the solver keeps from the previous step; None for most.
  """

  params: Params
  opt_state: dict[str, PyTree]
  memory: PyTree = None


class Solver(NamedTuple):
  """A solver of games as two pure functions, to be jitted by the caller.

  Attributes:
    init: `(params) -> GameState`; a ValueError if params lack a player.
    step: `(state, *args) -> (state, aux)`; args are passed to every loss, and
      aux holds the aux of each player's loss, by name.
    num_args: how many args a step takes, stacked on a leading axis of every
      leaf; None for one, not stacked.
  """

  init: Callable[[Params], GameState]
  step: Callable[..., tuple[GameState, dict[str, Any]]]
  num_args: int | None = None


def identity(grads: PyTree) -> PyTree:
  """The reduction on one device: returns the gradients unchanged."""
  return grads


def initializer(
  players: Losses,
  optimizers: Optimizers,
  memory: Callable[[Params], PyTree] = lambda params: None,
) -> Callable[[Params], GameState]:
  """Makes `Solver.init` for these players.

  Args:
    players: the loss of each player, by name.
    optimizers: the optimizer of each player, by the same names.
    memory: initial memory of the solver, from the parameters.

  Raises:
    ValueError: the names of optimizers are not those of the players. The result
      raises it for names of parameters.
  """
  same_names("optimizers", optimizers, players)

  def init(params: Params) -> GameState:
    same_names("params", params, players)
    opt_state = {name: optimizers[name].init(params[name]) for name in players}
    return GameState(dict(params), opt_state, memory(params))

  return init


def gradient(
  loss: Loss, name: str, params: Params, *args: Any
) -> tuple[PyTree, Any]:
  """Computes one player's gradient in its own parameters, and its aux.

  Other players' parameters are not differentiated, so no loss needs a
  `stop_gradient` on outputs of another player.
  """

  def own_loss(own, others, args):
    return loss({**others, name: own}, *args)

  # The loss may contain convolutions, and the step may be inside a loop.
  return jax.grad(canonicalize_on_cpu(own_loss), has_aux=True)(
    params[name], params, args
  )


def field(
  players: Losses, params: Params, *args: Any
) -> tuple[Params, dict[str, Any]]:
  """Computes the vector field of a game: (gradients, aux), by player."""
  both = {
    name: gradient(loss, name, params, *args) for name, loss in players.items()
  }
  return (
    {name: grad for name, (grad, _) in both.items()},
    {name: aux for name, (_, aux) in both.items()},
  )


def updates(
  optimizers: Optimizers,
  grads: Params,
  opt_state: dict[str, PyTree],
  params: Params,
) -> tuple[Params, dict[str, PyTree]]:
  """Computes each player's update and its new optimizer state, by player."""
  both = {
    name: optimizers[name].update(grads[name], opt_state[name], params[name])
    for name in grads
  }
  return (
    {name: update for name, (update, _) in both.items()},
    {name: state for name, (_, state) in both.items()},
  )


def descend(
  optimizers: Optimizers, grads: Params, state: GameState
) -> GameState:
  """Moves every player by its optimizer's update; the memory is None."""
  moves, opt_state = updates(optimizers, grads, state.opt_state, state.params)
  return GameState(optax.apply_updates(state.params, moves), opt_state)


def zeros(params: Params) -> Params:
  """Returns zero updates shaped like `params`, an initial solver memory."""
  return jax.tree.map(jnp.zeros_like, params)


def stacked(args: PyTree, size: int, why: str) -> PyTree:
  """Returns args after checking that every leaf leads with `size`.

  Raises:
    ValueError: a leaf does not.
  """
  for leaf in jax.tree.leaves(args):
    shape = jnp.shape(leaf)
    if shape[:1] != (size,):
      raise ValueError(
        f"an argument of shape {shape}: expected {size} of them stacked on a "
        f"leading axis, {why}."
      )
  return args


def same_names(
  what: str, given: Mapping[str, Any], players: Iterable[str]
) -> None:
  """Raises a ValueError unless `given` has one entry for each player."""
  if set(given) != set(players):
    raise ValueError(
      f"{what} of {sorted(given)}: expected one for each player, "
      f"{sorted(players)}."
    )
