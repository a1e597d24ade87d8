"""Parts of steps that several tasks have in common: State, update, mean."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax

from robust_jax import metrics, parallel
from robust_jax.games.players import GameState
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.types import (
  Array,
  Batch,
  Evaluator,
  Key,
  Metrics,
  PyTree,
  State,
)


def initial_state(game: GameState, model_state: PyTree) -> State:
  """Makes the State of a task, at step 0, of the state of its game."""
  step = jnp.zeros((), jnp.int32)
  return State(step, game.params, model_state, (game.opt_state, game.memory))


def game_state(state: State) -> GameState:
  """Unpacks the state of the game, with schedules set to the task's step."""
  opt_state, memory = state.opt_state
  opt_state = set_schedule_step(opt_state, state.step)
  return GameState(state.params, opt_state, memory)


def next_state(state: State, game: GameState, model_state: PyTree) -> State:
  """Makes the State after a step; `model_state` is averaged over devices."""
  return State(
    step=state.step + 1,
    params=game.params,
    model_state=parallel.mean(model_state),
    opt_state=(game.opt_state, game.memory),
  )


def mean_over_devices(per_example: Array, mask: Array) -> Array:
  """Mean over the real examples of all devices, which may have unequally many.

  It is this device's part of the mean, whose gradients are averaged.
  """
  total, count = metrics.average(per_example, mask)
  return total / parallel.mean(count)


def apply_gradients(
  state: State,
  optimizer: optax.GradientTransformation,
  grads: PyTree,
  model_state: PyTree,
) -> State:
  """State after an update with what devices found, averaged; same step."""
  grads, model_state = parallel.mean((grads, model_state))
  updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
  return state._replace(
    params=optax.apply_updates(state.params, updates),
    model_state=model_state,
    opt_state=opt_state,
  )


def evaluate_deployed(
  evaluator: Evaluator, deployed: Callable[[State], Any]
) -> Callable[[State, Batch, Key], Metrics]:
  """Makes `Task.evaluate`: the evaluator's measurement of what is deployed."""

  def evaluate(state: State, batch: Batch, key: Key) -> Metrics:
    return evaluator.measure(deployed(state), batch, key)

  return evaluate
