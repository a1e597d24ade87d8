"""The cost of a training step, read from its traced program."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jax.extend import core

from robust_jax import parallel
from robust_jax.attacks.cost import (
  ModelCalls,
  count_passes,
  trace_step,
  without_repeats,
)
from robust_jax.data.loader import Loader, num_rows
from robust_jax.flop import count_flop, sum_over_equations
from robust_jax.types import PyTree, State, Task


class StepCost(NamedTuple):
  """The cost of a training step.

  Attributes:
    forward: forward passes through the models, per example; NaN if they
      cannot be counted, see `attacks.cost.trace_step`.
    backward: backward passes, likewise.
    flop_by_dtype: floating point operations of the step on all devices of all
      processes, by the dtype of the factors, see `flop.count_flop`.
  """

  forward: float
  backward: float
  flop_by_dtype: Mapping[str, float]

  @property
  def flop(self) -> float:
    """Floating point operations of the step, of all dtypes."""
    return sum(self.flop_by_dtype.values())

  @property
  def dtype(self) -> str:
    """The dtype of most operations; float32 if there are none."""
    return next(iter(self.flop_by_dtype), "float32")


def shapes_of_step(task: Task, training: Loader) -> tuple[State, PyTree]:
  """Returns the arguments of a training step that differ between tasks.

  Args:
    task: the task.
    training: loader of training batches, which may be of
      `jax.ShapeDtypeStruct` in place of arrays.

  Returns:
    The State, of `jax.ShapeDtypeStruct`, and the loader's first indices.
  """
  key = jax.eval_shape(lambda: jax.random.key(0))
  indices = next(iter(training.indices(0)))
  batch = jax.eval_shape(training.decode, training.device_data, indices)
  return jax.eval_shape(task.init, key, batch), indices


def step_cost(
  task: Task, training: Loader, state: State, indices: PyTree
) -> StepCost:
  """Counts what a training step costs; it is traced and not run.

  Args:
    task: the task.
    training: loader of training batches.
    state: from `shapes_of_step`.
    indices: from `shapes_of_step`.

  Raises:
    ValueError: the step refuses a shape or an option.
  """
  key = jax.eval_shape(lambda: jax.random.key(0))
  step = parallel.simulate_step(task.step, 1, training.decode)
  args = state, training.device_data, indices, key
  try:
    program = trace_step(step, *args)
    passes = count_passes(program, num_rows(indices))
  except Exception:  # of the marks, or of the step, which then fails again
    program = without_repeats(jax.make_jaxpr(step)(*args))
    passes = ModelCalls(math.nan, math.nan)
  processes = parallel.num_processes()
  flop = {k: processes * v for k, v in count_flop(program).items()}
  return StepCost(passes.forward, passes.backward, flop)


def all_reduced_bytes(
  step: Callable[..., PyTree], num_devices: int, *args: PyTree
) -> float:
  """Bytes that each device reduces with the others in a step.

  They are those of all arrays in `parallel.mean` and `parallel.total`;
  `parallel.gather` is not counted. The step is traced and not run.

  Args:
    step: `(State, Batch, Key) -> (State, Metrics)`, as in `types.Task`.
    num_devices: number of devices.
    *args: arguments of the step on one device; `jax.ShapeDtypeStruct` will do.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import parallel
    >>> from robust_jax.training.step_cost import all_reduced_bytes
    >>> all_reduced_bytes(parallel.mean, 8, jnp.ones((5, 5)))
    100.0
  """
  devices = [(parallel.AXIS, num_devices)]
  program = jax.make_jaxpr(step, axis_env=devices)(*args)
  return sum_over_equations(program.jaxpr, _reduced_bytes)


def _reduced_bytes(eqn: core.JaxprEqn) -> float:
  if eqn.primitive.name != parallel.ALL_REDUCE:
    return 0.0
  arrays: list[Any] = [v.aval for v in eqn.invars]
  return float(sum(a.size * a.dtype.itemsize for a in arrays))
