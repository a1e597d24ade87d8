"""Free adversarial training against a loop of its algorithm."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import losses, metrics, parallel
from robust_jax.evaluators.robustness import robustness
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.perturbations.linf import linf
from robust_jax.tasks._example import example_batch
from robust_jax.tasks.free import free
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.erm import erm

KEY = jax.random.key(0)
MODEL = MLP((8,), num_classes=3)


def stepped(task, rows):
  start = jax.jit(task.init)(KEY, rows)
  after, report = parallel.simulate_step(task.step, 1)(start, (), rows, KEY)
  return start, after, metrics.result(report)


def test_it_is_the_algorithm_written_as_a_loop():
  eps, rows = 0.3, example_batch()
  task = free(
    MODEL,
    optax.sgd(0.1),
    pset=linf(eps),
    replays=3,
    evaluator=robustness(),
  )
  start, after, report = stepped(task, rows)
  params, x = start.params, rows["x"]
  seen = []

  @jax.jit
  def gradients(params, delta):
    mean = lambda params, delta: losses.cross_entropy(
      MODEL.apply({"params": params}, x + delta), rows["y"]
    ).mean()
    return jax.value_and_grad(mean, argnums=(0, 1))(params, delta)

  delta = jnp.clip(x + first_noise(x, eps), 0, 1) - x
  for _ in range(3):
    value, (grads, slope) = gradients(params, delta)
    seen.append(value)
    params = jax.tree.map(lambda w, g: w - 0.1 * g, params, grads)
    delta = jnp.clip(delta + eps * jnp.sign(slope), -eps, eps)
    delta = jnp.clip(x + delta, 0, 1) - x
  chex.assert_trees_all_close(after.params, params, rtol=1e-4, atol=1e-6)
  np.testing.assert_allclose(report["loss"], np.mean(seen), rtol=1e-5)


def first_noise(x, eps):
  """The start of delta: drawn by the key of the first step and device."""
  key = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
  key_start, _ = jax.random.split(key)
  return jax.random.uniform(key_start, x.shape, x.dtype, -eps, eps)


def test_without_a_radius_it_is_as_many_steps_of_standard_training():
  rows = example_batch()
  options = {"evaluator": robustness()}
  _, free_after, _ = stepped(
    free(MODEL, optax.sgd(0.1), pset=linf(0.0), replays=2, **options), rows
  )
  task = supervised(MODEL, optax.sgd(0.1), loss=erm(), **options)
  state = jax.jit(task.init)(KEY, rows)
  step = parallel.simulate_step(task.step, 1)
  for _ in range(2):
    state, _ = step(state, (), rows, KEY)
  chex.assert_trees_all_close(free_after.params, state.params, rtol=1e-5)
  assert free_after.step == 1


def test_schedules_follow_the_steps_of_the_run():
  """The replays of the first step all have its learning rate."""
  rows = example_batch()
  schedule = optax.piecewise_constant_schedule(1.0, {2: 0.0})
  task = free(
    MODEL,
    optax.sgd(schedule),
    pset=linf(0.0),
    replays=4,
    evaluator=robustness(),
  )
  state = jax.jit(task.init)(KEY, rows)
  step = parallel.simulate_step(task.step, 1)
  for _ in range(2):
    before, (state, _) = state, step(state, (), rows, KEY)
  moved = jax.tree.map(
    lambda a, b: bool(jnp.any(a != b)), before.params, state.params
  )
  assert any(jax.tree.leaves(moved))


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"step_size": -0.1}, "step_size = -0.1: expected 0 or more"),
    ({"replays": 0}, "replays = 0: expected"),
  ],
)
def test_bad_options_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    free(
      MODEL,
      optax.sgd(0.1),
      pset=linf(0.1),
      evaluator=robustness(),
      **options,
    )
