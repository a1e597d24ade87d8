"""Many devices take a step of ELECTRA as imagined ones do."""

import chex

from robust_jax.tasks.electra import example
from tests.devices.both_steps import both_steps


def test_pmap_is_the_simulated_step_of_electra():
  """Each device masks and draws for itself; texts differ in their lengths."""
  rows, found = both_steps(example())
  # Gradients of the discriminator's loss are weighed by 50.
  chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-5)
  report = found[0][1]
  assert report["discriminator_loss"][1] == rows["x"]["mask"].sum()
