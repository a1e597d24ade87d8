"""What every solver is made of: its records, each player's gradient, a move."""

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
"""(params of all players, *args) -> (scalar loss, aux): what one player
minimizes over its own parameters. Where two play for one sum, one's loss is
minus the other's."""

Losses = Mapping[str, Loss]
Optimizers = Mapping[str, optax.GradientTransformation]
Reduce = Callable[[PyTree], PyTree]


class GameState(NamedTuple):
  """All that a step changes; its structure is the same before and after.

  Attributes:
    params: the parameters of each player.
    opt_state: of each player's optimizer.
    memory: what the method remembers of the step before; None for most.
  """

  params: Params
  opt_state: dict[str, PyTree]
  memory: PyTree = None


class Solver(NamedTuple):
  """A method for games as two pure functions, to be jitted by the caller.

  Attributes:
    init: `(params) -> GameState`; a ValueError where params lack a player.
    step: `(state, *args) -> (state, aux)`; args go to every loss, and aux
      holds, by player, what its loss returned as aux.
  """

  init: Callable[[Params], GameState]
  step: Callable[..., tuple[GameState, dict[str, Any]]]


def identity(grads: PyTree) -> PyTree:
  """The reduction on one device: none."""
  return grads


def initializer(
  players: Losses,
  optimizers: Optimizers,
  memory: Callable[[Params], PyTree] = lambda params: None,
) -> Callable[[Params], GameState]:
  """`Solver.init` for these players.

  Raises:
    ValueError: at once where optimizers are not those of the players; from
      the result where parameters are not.
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
  """One player's gradient in its own parameters, the others' held: (grad, aux).

  Nobody else's parameters are differentiated, so no loss needs a
  `stop_gradient` on what another player made.
  """

  def own_loss(own, others, args):
    return loss({**others, name: own}, *args)

  # The loss may hold convolutions, and the step may stand in a loop.
  return jax.grad(canonicalize_on_cpu(own_loss), has_aux=True)(
    params[name], params, args
  )


def field(
  players: Losses, params: Params, *args: Any
) -> tuple[Params, dict[str, Any]]:
  """Every player's gradient at the same point: (grads, aux), by player."""
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
  """What each optimizer adds to its player's parameters, and its new state."""
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
  """Every player moved by its optimizer's update; nothing is remembered."""
  moves, opt_state = updates(optimizers, grads, state.opt_state, state.params)
  return GameState(optax.apply_updates(state.params, moves), opt_state)


def zeros(params: Params) -> Params:
  """The update of a step that was not made."""
  return jax.tree.map(jnp.zeros_like, params)


def stacked(args: PyTree, size: int, why: str) -> PyTree:
  """args, once every leaf is seen to lead with `size`.

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
  """Refuses a mapping that is not one entry per player."""
  if set(given) != set(players):
    raise ValueError(
      f"{what} of {sorted(given)}: expected one for each player, "
      f"{sorted(players)}."
    )
