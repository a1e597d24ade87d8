"""A step of a task on many devices, and on imagined ones."""

import jax
import numpy as np

from robust_jax import parallel

KEY = jax.random.key(0)


def both_steps(example):
  """Returns the rows of an example, and what both steps return for it."""
  task, rows = example
  rows = jax.tree.map(np.asarray, rows)
  state = jax.device_get(jax.jit(task.init)(KEY, rows))
  steps = (
    parallel.pmap_step(task.step),
    parallel.simulate_step(task.step, 8),
  )
  return rows, [jax.device_get(step(state, (), rows, KEY)) for step in steps]
