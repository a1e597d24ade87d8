"""Many devices take the steps of a GAN as imagined ones do."""

import chex

from robust_jax.tasks.gan import example
from tests.devices.both_steps import both_steps


def test_pmap_is_the_simulated_step_of_a_gan():
  """Each device has latents of its own, and gradients are averaged."""
  rows, found = both_steps(example())
  chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-6)
  report = found[0][1]
  assert all(count == len(rows["x"]) for _, count in report.values())
