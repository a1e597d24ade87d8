"""Pairs of domains over many devices: each has its fraction of both."""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import parallel
from robust_jax.data.images import image_dataset
from robust_jax.data.paired_loader import paired_loader
from robust_jax.types import State


def toy(num_examples):
  def read_pairs(indices):
    return [(np.full((1, 1, 1), i, np.uint8), i) for i in indices]

  return image_dataset("toy", (1, 1, 1), 256, num_examples, read_pairs)


def report(state, batch, key):
  """Sums over devices, of squares of each device's own sums."""
  del key
  source, target = batch["source"], batch["target"]
  of_device = {
    "source": source["x"].sum() ** 2,
    "target": target["x"].sum() ** 2,
    "rows": jnp.array([len(source["x"]), len(target["x"])]) / 1.0,
    "of_second_domain": source["domain"].sum() ** 2 / 1.0,
  }
  return state._replace(step=state.step + 1), parallel.total(of_device)


def test_eight_devices_fraction_both_domains_as_imagined_ones_do():
  loader = paired_loader([toy(40), toy(30)], toy(50), 32, seed=0)
  indices = next(loader.indices(3))
  key = jax.random.key(0)

  def fresh():
    return State(jnp.int32(0), {}, {}, ())

  resident = parallel.replicate(loader.device_data)
  step = parallel.pmap_step(report, loader.decode)
  _, real = step(fresh(), resident, indices, key)
  step = parallel.simulate_step(report, 8, loader.decode)
  _, imagined = step(fresh(), loader.device_data, indices, key)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, 1e-6), real, imagined
  )
  assert real["rows"].tolist() == [32, 32]
  assert real["of_second_domain"] == 8 * 2**2
