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
  np.testing.assert_allclose(state.average["params"]["w"], expected)
  assert task.deployed(state) == state.average["params"]["w"]
  assert (
    task.evaluate(state, None, None)["w"][0] == state.average["params"]["w"]
  )
  assert task.variables(state) == state.average["params"]


@pytest.mark.parametrize(
  ("start", "expected"), [(0, 3.0), (2, 4.0), (4, 5.0), (9, 5.0)]
)
def test_swa_is_the_mean_of_the_weights_after_its_start(start, expected):
  state = after(weight_averages.swa(counting(), start), 5)
  np.testing.assert_allclose(state.average["params"]["w"], expected, rtol=1e-6)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_averages_nothing_is_refused(decay):
  with pytest.raises(ValueError, match=f"decay = {decay}: expected 0 <="):
    weight_averages.ema(counting(), decay)


def test_a_start_before_the_run_is_refused():
  with pytest.raises(ValueError, match="start = -1: expected 0 or more"):
    weight_averages.swa(counting(), -1)


def tracking():
  """The statistics move half of the way to the weight, which is the step."""
  task = counting()

  def step(state, batch, key):
    statistics = (state.model_state["w"] + state.params["w"]) / 2
    new, metrics = task.step(state, batch, key)
    return new._replace(model_state={"w": statistics}), metrics

  def init(key, batch):
    return task.init(key, batch)._replace(model_state={"w": jnp.zeros(())})

  return task._replace(
    init=init,
    step=step,
    deployed=lambda state: (state.params, state.model_state),
  )


@pytest.mark.parametrize("every", [1, 2])
def test_statistics_are_estimated_anew_of_the_average(every):
  """They follow the averaged weight, not the one that is trained."""
  task = weight_averages.ema(tracking(), 0.9, statistics_every=every)
  state = after(task, 6)
  average = statistics = trained = 0.0
  for step in range(1, 7):
    trained = (trained + step - 1) / 2
    average = 0.9 * average + 0.1 * step
    if step % every == 0:
      statistics = (statistics + average) / 2
  np.testing.assert_allclose(state.model_state["w"], trained, rtol=1e-6)
  params, model_state = task.deployed(state)
  np.testing.assert_allclose(params["w"], average, rtol=1e-6)
  np.testing.assert_allclose(model_state["w"], statistics, rtol=1e-6)


def test_swa_has_statistics_of_its_own_too():
  """Until the mean begins they are those of the latest weights."""
  task = weight_averages.swa(tracking(), start=9, statistics_every=1)
  params, model_state = task.deployed(after(task, 3))
  assert params["w"] == 3
  np.testing.assert_allclose(model_state["w"], ((1 / 2 + 2) / 2 + 3) / 2)


def test_without_batch_norm_there_is_nothing_to_estimate():
  state = after(weight_averages.ema(counting(), 0.5, statistics_every=1), 2)
  assert state.average["model_state"] == {}


def test_a_negative_period_is_refused():
  with pytest.raises(ValueError, match="statistics_every = -1: expected 0"):
    weight_averages.ema(counting(), statistics_every=-1)
