"""Averages of a task's weights over the steps, kept in `State.average`.

Each wraps any task: `evaluate`, `deployed` and `variables` of the wrapped task
use the averaged parameters. The model's other collections, such as BatchNorm's
running statistics, stay those of the last step, unless they are estimated anew
for the averaged parameters (`statistics_every`).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import Array, Batch, Key, PyTree, State, Task

__all__ = ["ema", "swa"]


def ema(task: Task, decay: float = 0.999, *, statistics_every: int = 0) -> Task:
  """Exponential moving average (EMA) of the parameters.

      average <- decay * average + (1 - decay) * params

  after each step, starting from the initial parameters.

  Args:
    task: the task; its training steps do not change.
    decay: decay of the average per step, in [0, 1).
    statistics_every: with 0 the running BatchNorm statistics are those of the
      last step, as in Rebuffi et al. 2021. With N, every N-th step re-estimates
      them for the averaged parameters: they move as in a training step of the
      averaged model, on the adversarial examples that attack it. This costs
      1 / N of a step without its backward pass.

  Raises:
    ValueError: decay is not in [0, 1), or statistics_every is negative.

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
    >>> state.average["params"].item()  # 0.5 (0.5 0 + 0.5 1) + 0.5 2
    1.25
  """
  if not 0 <= decay < 1:
    raise ValueError(f"decay = {decay}: expected 0 <= decay < 1.")
  return _averaged(task, lambda step: decay, statistics_every)


def swa(task: Task, start: int = 0, *, statistics_every: int = 0) -> Task:
  """Stochastic weight averaging (SWA): the mean of the parameters.

  Args:
    task: the task; its training steps do not change.
    start: step after which parameters are averaged. Until then the average is
      the current parameters.
    statistics_every: as for `ema`.

  Raises:
    ValueError: start or statistics_every is negative.

  Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and
  better generalization", algorithm 1.

  Deviation: every step is averaged, in the paper every epoch; the paper
  computes the BatchNorm statistics in one pass after training, here they are
  re-estimated during it or not at all.

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
    >>> state.average["params"].item()  # the mean of 1, 2 and 3
    2.0
  """
  checks.non_negative("start", start)
  decay = lambda step: 1 - 1 / jnp.maximum(step - start, 1)
  return _averaged(task, decay, statistics_every)


def _averaged(
  task: Task, decay: Callable[[Array], Array | float], statistics_every: int
) -> Task:
  """Averages with weight `decay(step)` on the average before the step.

  `State.average` is {"params": ...}, with "model_state" beside them where the
  statistics are re-estimated.
  """
  checks.non_negative("statistics_every", statistics_every)

  def init(key: Key, batch: Batch) -> State:
    state = task.init(key, batch)
    average = {"params": state.params}
    if statistics_every:
      average["model_state"] = state.model_state
    # A copy, because the buffers of both are donated to the step.
    return state._replace(average=jax.tree.map(jnp.copy, average))

  def step(state: State, batch: Batch, key: Key):
    new, metrics = task.step(state, batch, key)
    average, kept = _average_of(state), decay(new.step)
    params = jax.tree.map(
      lambda a, p: kept * a + (1 - kept) * p, average["params"], new.params
    )
    new = new._replace(average=average | {"params": params})
    if statistics_every:
      model_state = jax.lax.cond(
        new.step % statistics_every == 0,
        lambda: reestimated(new, batch, key),
        lambda: average["model_state"],
      )
      average = _average_of(new) | {"model_state": model_state}
      new = new._replace(average=average)
    return new, metrics

  def reestimated(state: State, batch: Batch, key: Key) -> PyTree:
    # Of this step XLA computes nothing but the statistics.
    return task.step(averaged(state), batch, key)[0].model_state

  def averaged(state: State) -> State:
    return state._replace(**_average_of(state))

  return task._replace(
    init=init,
    step=step,
    evaluate=lambda state, *args: task.evaluate(averaged(state), *args),
    deployed=lambda state: task.deployed(averaged(state)),
    variables=lambda state: task.variables(averaged(state)),
  )


def _average_of(state: State) -> dict[str, PyTree]:
  if state.average is None:
    raise ValueError("a state without an average: expected that of `init`.")
  return state.average
