"""Many devices take the steps of every training loss as imagined ones do."""

import chex
import jax
import numpy as np
import optax
import pytest

from robust_jax import lookup, parallel
from robust_jax.evaluators.robustness import robustness
from robust_jax.gradients.identity import identity
from robust_jax.tasks.supervised import supervised
from tests.contract.test_gradients import RADII
from tests.contract.test_training_losses import KEY, LOSSES, Linear, batch, make

# Of a radius that tells the ascent of all devices from that of each.
ASCENTS = {name: lookup.find("gradients", name) for name in RADII}


def after(compile_step, name, gradient):
  task = supervised(
    Linear(),
    optax.sgd(0.1),
    loss=make(name),
    evaluator=robustness(),
    gradient=gradient,
  )
  rows = jax.tree.map(np.asarray, batch(name))
  state = jax.jit(task.init)(KEY, rows)
  return jax.device_get(compile_step(task.step)(state, (), rows, KEY))


def simulated(step):
  return parallel.simulate_step(step, 8)


@pytest.mark.parametrize("name", LOSSES)
def test_pmap_is_the_simulated_step(name):
  found = [after(c, name, identity()) for c in (parallel.pmap_step, simulated)]
  chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ASCENTS)
def test_pmap_is_the_simulated_step_of_each_ascent(name):
  found = [
    after(c, "erm", ASCENTS[name](0.5)) for c in (parallel.pmap_step, simulated)
  ]
  chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ASCENTS)
def test_a_synchronized_ascent_is_that_of_one_device(name):
  together = ASCENTS[name](0.5, synchronized=True)
  one = lambda step: parallel.simulate_step(step, 1)
  all_devices, alone = (
    after(c, "erm", together)[0].params for c in (parallel.pmap_step, one)
  )
  chex.assert_trees_all_close(all_devices, alone, rtol=1e-5, atol=1e-6)
  apart = after(parallel.pmap_step, "erm", ASCENTS[name](0.5))[0].params
  with pytest.raises(AssertionError):
    chex.assert_trees_all_close(apart, alone, rtol=1e-5, atol=1e-6)
