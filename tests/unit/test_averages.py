"""Averages of weights on a task whose weights are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.training import weight_averages
from robust_jax.types import State, Task


def counting():
  """After step t the weight is t, whatever the batch."""

  def init(key, batch):
    del key, batch
    return State(jnp.int32(0), {"w": jnp.zeros(())}, {}, ())

  def step(state, batch, key):
    del batch, key
    params = {"w": state.params["w"] + 1}
    return State(state.step + 1, params, {}, ()), {}

  measured = lambda state, batch, key: {"w": (state.params["w"], jnp.ones(()))}
  deployed = lambda state: state.params["w"]
  return Task(init, step, measured, deployed, lambda state: state.params)


def after(task, num_steps):
  state = task.init(None, None)
  for _ in range(num_steps):
    state, _ = jax.jit(task.step)(state, None, None)
  return state


def test_ema_is_the_geometric_mean_of_all_weights():
  task = weight_averages.ema(counting(), 0.5)
  state = after(task, 3)
  assert state.params["w"] == 3
  expected = 0.5 * 3 + 0.25 * 2 + 0.125 * 1 + 0.125 * 0
  np.testing.assert_allclose(state.average["w"], expected)
  assert task.deployed(state) == state.average["w"]
  assert task.evaluate(state, None, None)["w"][0] == state.average["w"]
  assert task.variables(state) == state.average


@pytest.mark.parametrize(
  ("start", "expected"), [(0, 3.0), (2, 4.0), (4, 5.0), (9, 5.0)]
)
def test_swa_is_the_mean_of_the_weights_after_its_start(start, expected):
  state = after(weight_averages.swa(counting(), start), 5)
  np.testing.assert_allclose(state.average["w"], expected, rtol=1e-6)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_averages_nothing_is_refused(decay):
  with pytest.raises(ValueError, match=f"decay = {decay}: expected 0 <="):
    weight_averages.ema(counting(), decay)


def test_a_start_before_the_run_is_refused():
  with pytest.raises(ValueError, match="start = -1: expected 0 or more"):
    weight_averages.swa(counting(), -1)
