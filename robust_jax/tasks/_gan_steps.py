"""The game of a generator and a discriminator, as steps of a task."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax import metrics, parallel
from robust_jax.games.players import Solver
from robust_jax.tasks._gan_losses import (
  LOSSES,
  PLAYERS,
  Problem,
  Real,
  keys_of,
  make_pairs,
  measured,
)
from robust_jax.tasks._state import game_state, initial_state, next_state
from robust_jax.types import Array, Key, Metrics, PyTree, State


class AdversarialGame(NamedTuple):
  """The functions of a task that are those of its game.

  Attributes:
    init: `(key, real) -> State`; real examples and what networks take beside
      them, see `Real`.
    step: `(State, real, key) -> (State, Metrics)`.
    evaluate: `(State, real, mask, key) -> Metrics`.
  """

  init: Callable[[Key, Real], State]
  step: Callable[[State, Real, Key], tuple[State, Metrics]]
  evaluate: Callable[[State, Real, Array, Key], Metrics]


def adversarial_game(
  problem: Problem,
  optimizers: Mapping[str, optax.GradientTransformation],
  solver: Callable[..., Solver],
) -> AdversarialGame:
  """Makes the steps of a game, see `gan`.

  Args:
    problem: the losses of the players, which are those of its models.
    optimizers: the optimizers of the players.
    solver: makes the solver.
  """
  names = [name for name in PLAYERS if name in problem.models]

  def game(model_state: PyTree, step: Array) -> Solver:
    players = {
      name: functools.partial(LOSSES[name], problem, model_state, step)
      for name in names
    }
    return solver(players, optimizers, reduce=parallel.mean)

  def init(key: Key, real: Real) -> State:
    keys = dict(zip(PLAYERS, jax.random.split(key), strict=True))
    x, *labels = (part[:1] for part in real)
    latent = jnp.zeros((1, problem.latent_size))
    inputs = {"discriminator": x, "generator": latent}
    model_state = {
      name: dict(problem.models[name].init(keys[name], inputs[name], *labels))
      for name in names
    }
    params = {name: model_state[name].pop("params") for name in names}
    _refuse_penalties(problem, model_state)
    return initial_state(
      game(model_state, jnp.int32(0)).init(params), model_state
    )

  def step(state: State, real: Real, key: Key):
    play = game(state.model_state, state.step)
    args = _args(play.num_args, real, key)
    after, aux = play.step(game_state(state), *args)
    each: dict[str, Array] = {}
    model_state = {}
    for name in names:
      own, changed = aux[name]
      each |= own
      model_state[name] = _of_last_move(changed, state.model_state[name])
    # A solver of several moves has stacked them.
    each = {name: values.ravel() for name, values in each.items()}
    report = {k: metrics.average(v, jnp.ones_like(v)) for k, v in each.items()}
    return next_state(state, after, model_state), parallel.total(report)

  def evaluate(state: State, real: Real, mask: Array, key: Key):
    each: dict[str, Array] = {}
    for name in names:
      key_pairs, _ = keys_of(name, key)
      pairs = make_pairs(
        problem,
        state.params,
        state.model_state,
        real,
        key_pairs,
        train=False,
      )
      each |= measured(problem, name, pairs)
    return {k: metrics.average(v, mask) for k, v in each.items()}

  return AdversarialGame(init, step, evaluate)


def _refuse_penalties(problem: Problem, model_state: PyTree) -> None:
  if problem.penalties and _mixes(problem, model_state):
    raise ValueError(
      "penalties of a discriminator with BatchNorm or minibatch_std, whose "
      "output for an example depends on the others: expected another "
      "normalization or none, or no penalties."
    )


def _mixes(problem: Problem, model_state: PyTree) -> bool:
  """Returns whether an output depends on other examples in training."""
  return "batch_stats" in model_state["discriminator"] or bool(
    getattr(problem.models["discriminator"], "minibatch_std", 0)
  )


def _args(num_args: int | None, real: Real, key: Key) -> tuple[Real, Array]:
  """The args of a step of the solver: examples and a key, or several of each.

  Raises:
    ValueError: the examples cannot be divided into `num_args` parts.
  """
  if num_args is None:
    return real, key
  if len(real[0]) % num_args:
    raise ValueError(
      f"a batch of {len(real[0])} examples on each device does not divide by "
      f"the {num_args} parts that a step of the solver takes: choose a batch "
      "size that is a multiple."
    )
  parts = jax.tree.map(lambda a: a.reshape(num_args, -1, *a.shape[1:]), real)
  return parts, jax.random.split(key, num_args)


def _of_last_move(changed: PyTree, before: PyTree) -> PyTree:
  """Statistics, of which a solver may have stacked those of several moves."""
  return jax.tree.map(
    lambda new, old: new.reshape(-1, *old.shape)[-1], changed, before
  )
