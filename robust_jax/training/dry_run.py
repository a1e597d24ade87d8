"""All computations of a run traced before it begins, to refuse errors."""

import jax
import numpy as np

from robust_jax import parallel
from robust_jax.data.loader import Loader
from robust_jax.training.loop import LoopConfig
from robust_jax.training.step_cost import StepCost, shapes_of_step, step_cost
from robust_jax.types import Task


def dry_run(
  task: Task, training: Loader, validation: Loader, config: LoopConfig
) -> StepCost:
  """Traces all computations of a run without running them.

  Errors of shapes, options and names are raised here, before anything is
  written.

  Args:
    task: the task to train.
    training: loader of training batches.
    validation: loader for `task.evaluate`.
    config: options of the loop.

  Returns:
    The passes through the models and the FLOP of a training step.

  Raises:
    ValueError: the evaluation does not report a monitored metric.
  """
  state, indices = shapes_of_step(task, training)
  cost = step_cost(task, training, state, indices)
  key = jax.eval_shape(lambda: jax.random.key(0))
  if jax.local_device_count() > 1:  # which have fewer rows each
    step = parallel.simulate_step(
      task.step, jax.local_device_count(), training.decode
    )
    jax.eval_shape(step, state, training.device_data, indices, key)
  indices = next(iter(validation.indices(0)))
  batch = jax.eval_shape(validation.decode, validation.device_data, indices)
  sums = jax.eval_shape(task.evaluate, state, batch, key)
  reported = task.summarize(
    {name: np.full(total.shape, 0.5) for name, (total, _) in sums.items()}
  )
  for metric in (config.monitor.metric, *config.monitor.warn_below):
    if metric not in reported:
      raise ValueError(
        f"config.training monitors '{metric}', but the task's evaluation "
        f"reports {', '.join(sorted(reported))}: name one of these."
      )
  return cost
