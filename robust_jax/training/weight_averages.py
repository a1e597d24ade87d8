"""Averages of a task's weights over the steps, kept in `State.average`.

Each wraps any task: `evaluate`, `deployed` and `variables` of the wrapped task
use the averaged parameters. The model's other collections, such as BatchNorm's
running statistics, are averages themselves and stay those of the last step.
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

  after each step, starting from the initial parameters.

  Args:
    task: the task; its training steps do not change.
    decay: decay of the average per step, in [0, 1).

  Raises:
    ValueError: decay is not in [0, 1).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.training import weight_averages
    >>> from robust_jax.types import State, Task
    >>> def step(state, batch, key):  # params count the steps
    ...   new = state._replace(step=state.step + 1, params=state.params + 1.0)
    ...   return new, {}
    >>> init = lambda key, batch: State(jnp.int32(0), jnp.zeros(()), {}, ())
    >>> task = weight_averages.ema(Task(init, step, None, None, None), 0.5)
    >>> state = task.init(jax.random.key(0), {})
    >>> for _ in range(2):
    ...   state, metrics = task.step(state, {}, jax.random.key(0))
    >>> state.average.item()  # 0.5 (0.5 0 + 0.5 1) + 0.5 2
    1.25
  """
  if not 0 <= decay < 1:
    raise ValueError(f"decay = {decay}: expected 0 <= decay < 1.")
  return _averaged(task, lambda step: decay)


def swa(task: Task, start: int = 0) -> Task:
  """Stochastic weight averaging (SWA): the mean of the parameters.

  Args:
    task: the task; its training steps do not change.
    start: step after which parameters are averaged. Until then the average is
      the current parameters.

  Raises:
    ValueError: start is negative.

  Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and
  better generalization", algorithm 1.

  Deviation: every step is averaged, in the paper every epoch; running BatchNorm
  statistics are not recomputed.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.training import weight_averages
    >>> from robust_jax.types import State, Task
    >>> def step(state, batch, key):  # params count the steps
    ...   new = state._replace(step=state.step + 1, params=state.params + 1.0)
    ...   return new, {}
    >>> init = lambda key, batch: State(jnp.int32(0), jnp.zeros(()), {}, ())
    >>> task = weight_averages.swa(Task(init, step, None, None, None))
    >>> state = task.init(jax.random.key(0), {})
    >>> for _ in range(3):
    ...   state, metrics = task.step(state, {}, jax.random.key(0))
    >>> state.average.item()  # the mean of 1, 2 and 3
    2.0
  """
  checks.non_negative("start", start)
  return _averaged(task, lambda step: 1 - 1 / jnp.maximum(step - start, 1))


def _averaged(task: Task, decay: Callable[[Array], Array | float]) -> Task:
  """Averages with weight `decay(step)` on the average before the step."""

  def init(key: Key, batch: Batch) -> State:
    state = task.init(key, batch)
    # A copy, because the buffers of both are donated to the step.
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
