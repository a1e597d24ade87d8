"""Many devices take a step of ELECTRA as imagined ones do."""

import chex
import jax
import numpy as np

from robust_jax import parallel
from robust_jax.tasks.electra import example

KEY = jax.random.key(0)


def test_pmap_is_the_simulated_step_of_electra():
  """Each device masks and draws for itself; texts differ in their lengths."""
  task, rows = example()
  rows = jax.tree.map(np.asarray, rows)
  state = jax.device_get(jax.jit(task.init)(KEY, rows))
  found = [
    jax.device_get(step(state, (), rows, KEY))
    for step in (
      parallel.pmap_step(task.step),
      parallel.simulate_step(task.step, 8),
    )
  ]
  # Gradients of the discriminator's loss are weighed by 50.
  chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-5)
  report = found[0][1]
  assert report["discriminator_loss"][1] == rows["x"]["mask"].sum()
