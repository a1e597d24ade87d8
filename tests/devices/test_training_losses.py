"""Many devices take the steps of every training loss as imagined ones do."""

import chex
import jax
import numpy as np
import optax
import pytest

from robust_jax import parallel
from robust_jax.evaluators.robustness import robustness
from robust_jax.gradients.identity import identity
from robust_jax.gradients.sam import sam
from robust_jax.tasks.supervised import supervised
from tests.contract.test_training_losses import KEY, LOSSES, Linear, batch, make

SAM = {
  "per device": sam(0.5),
  "synchronized": sam(0.5, synchronized=True),
}


def after(compile_step, name, gradient):
  task = supervised(
    Linear(),
    optax.sgd(0.1),
    loss=make(name),
    evaluator=robustness(),
    gradient=gradient,
  )
  rows = jax.tree.map(np.asarray, batch())
  state = jax.jit(task.init)(KEY, rows)
  return jax.device_get(compile_step(task.step)(state, (), rows, KEY))


def simulated(step):
  return parallel.simulate_step(step, 8)


@pytest.mark.parametrize("name", LOSSES)
def test_pmap_is_the_simulated_step(name):
  found = [after(c, name, identity()) for c in (parallel.pmap_step, simulated)]
  chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ascent", SAM)
def test_pmap_is_the_simulated_step_of_sam(ascent):
  found = [
    after(compile_step, "erm", SAM[ascent])
    for compile_step in (parallel.pmap_step, simulated)
  ]
  chex.assert_trees_all_close(*found, rtol=1e-5, atol=1e-6)


def test_synchronized_sam_does_not_depend_on_the_number_of_devices():
  one = lambda step: parallel.simulate_step(step, 1)
  together, alone = (
    after(c, "erm", SAM["synchronized"])[0].params for c in (simulated, one)
  )
  chex.assert_trees_all_close(together, alone, rtol=1e-5, atol=1e-6)
  apart = after(simulated, "erm", SAM["per device"])[0].params
  with pytest.raises(AssertionError):
    chex.assert_trees_all_close(apart, alone, rtol=1e-5, atol=1e-6)
