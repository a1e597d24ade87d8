"""Averages of a task's weights over the steps, in `State.average`.

Each wraps a task, whatever it trains: `evaluate`, `deployed` and `variables` of
what it returns use the averaged parameters. The model's other collections, such
as BatchNorm's running statistics, are averages themselves and stay those of the
last step.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import Array, Batch, Key, State, Task

__all__ = ["ema", "swa"]


def ema(task: Task, decay: float = 0.999) -> Task:
  """Exponential moving average (EMA) of the parameters.

      average <- decay * average + (1 - decay) * params

  after each step, from the initial parameters on.

  Args:
    task: what is trained; its steps do not change.
    decay: per step.

  Raises:
    ValueError: decay is not in [0, 1).
  """
  if not 0 <= decay < 1:
    raise ValueError(f"decay = {decay}: expected 0 <= decay < 1.")
  return _averaged(task, lambda step: decay)


def swa(task: Task, start: int = 0) -> Task:
  """Stochastic weight averaging (SWA): the mean of the parameters.

  Args:
    task: what is trained; its steps do not change.
    start: of the steps after this one the mean is taken; until then there is
      nothing to average but the latest parameters.

  Raises:
    ValueError: start is negative.

  Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and
  better generalization", algorithm 1. Deviation: each step is averaged, there
  each epoch; the running BatchNorm statistics are not taken anew.
  """
  checks.non_negative("start", start)
  return _averaged(task, lambda step: 1 - 1 / jnp.maximum(step - start, 1))


def _averaged(task: Task, decay: Callable[[Array], Array | float]) -> Task:
  """Keeps `decay(step)` of the average and takes the rest of the parameters."""

  def init(key: Key, batch: Batch) -> State:
    state = task.init(key, batch)
    # A copy, because a step is given the memory of both.
    return state._replace(average=jax.tree.map(jnp.copy, state.params))

  def step(state: State, batch: Batch, key: Key):
    new, metrics = task.step(state, batch, key)
    kept = decay(new.step)
    average = jax.tree.map(
      lambda a, p: kept * a + (1 - kept) * p, state.average, new.params
    )
    return new._replace(average=average), metrics

  def averaged(state: State) -> State:
    return state._replace(params=state.average)

  return task._replace(
    init=init,
    step=step,
    evaluate=lambda state, *args: task.evaluate(averaged(state), *args),
    deployed=lambda state: task.deployed(averaged(state)),
    variables=lambda state: task.variables(averaged(state)),
  )
