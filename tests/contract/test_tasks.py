"""Laws of every task."""

import functools
import importlib

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import attacks, lookup, losses, metrics, parallel, search
from robust_jax import perturbations as sets
from robust_jax.evaluators.robustness import robustness
from robust_jax.tasks._example import Example, TinyNet
from robust_jax.tasks.supervised import supervised
from robust_jax.training import weight_averages
from robust_jax.training_losses.erm import erm

KEY = jax.random.key(0)


@functools.cache
def example(name):
  task = lookup.find("tasks", name)
  return Example(*importlib.import_module(task.__module__).example())


def started(task, rows):
  """The task's first state, and its step on one device."""
  return jax.jit(task.init)(KEY, rows), parallel.simulate_step(task.step, 1)


def steps(task, num_steps, rows):
  state, step = started(task, rows)
  for _ in range(num_steps):
    state, report = step(state, (), rows, KEY)
  return state, report


@functools.cache
def trained(name):
  """A task with its states before and after each of two steps, and reports."""
  task, rows = example(name)
  start, step = started(task, rows)
  before = jax.tree.map(np.array, start)
  first, _ = step(start, (), rows, KEY)
  second, report = step(first, (), rows, KEY)
  return task, before, (start, first, second), report


TASKS = lookup.members("tasks")
each_task = pytest.mark.parametrize("name", TASKS)


@each_task
def test_two_steps_change_every_parameter_and_count(name):
  _, _, (start, _, state), report = trained(name)
  assert state.step == 2
  moved = jax.tree.map(
    lambda a, b: bool(jnp.any(a != b)), start.params, state.params
  )
  assert all(jax.tree.leaves(moved)), moved
  assert all(np.isfinite(v) for v in metrics.result(report).values())


@each_task
def test_a_state_is_not_changed_in_place(name):
  _, before, (start, _, _), _ = trained(name)
  chex.assert_trees_all_equal(jax.tree.map(np.array, start), before)


@each_task
def test_padding_has_no_influence_on_evaluation(name):
  task, _, (_, state, _), _ = trained(name)
  evaluate = parallel.pmap_evaluate(task.evaluate)
  rows = jax.tree.map(np.array, dict(example(name).batch))
  other = jax.tree.map(np.array, rows)
  parts = lambda rows: [rows] if "mask" in rows else rows.values()
  for one, another in zip(parts(rows), parts(other), strict=True):
    one["mask"][5:] = 0
    for leaf in jax.tree.leaves(another):
      leaf[5:] = 0
  results = [evaluate(state, (), r, KEY, 0) for r in (rows, other)]
  chex.assert_trees_all_equal(*results)
  assert all(count == 5 for _, count in results[0].values())
  reported = task.summarize(metrics.result(results[0]))
  assert all(np.isfinite(value) for value in reported.values())


@each_task
def test_the_variables_are_those_of_what_is_deployed(name):
  task, _, (_, state, _), _ = trained(name)
  deployed = [
    np.asarray(leaf) for leaf in jax.tree.leaves(task.deployed(state))
  ]
  for leaf in jax.tree.leaves(task.variables(state)):
    assert any(np.array_equal(leaf, other) for other in deployed)


def test_a_deployed_classifier_answers_each_image_for_itself():
  found = []
  for name in TASKS:
    task, _, (_, state, _), _ = trained(name)
    deployed, rows = task.deployed(state), example(name).batch
    if callable(deployed):
      found.append(name)
      x = rows.get("target", rows)["x"]
      alone = deployed(x[:1])
      assert alone.shape == (1, 3)
      np.testing.assert_allclose(deployed(x)[:1], alone, rtol=1e-5, atol=1e-6)
  assert {"adda", "domain", "mcd", "supervised"} <= set(found)


@each_task
def test_an_average_of_the_weights_changes_nothing_but_what_is_measured(name):
  task, _, (start, first, second), _ = trained(name)
  rows, averaged = example(name).batch, weight_averages.ema(task, 0.25)
  began, step = started(averaged, rows)
  chex.assert_trees_all_equal(began.average, {"params": start.params})
  after, _ = step(began, (), rows, KEY)
  after, _ = step(after, (), rows, KEY)
  average = jax.tree.map(
    lambda a, b, c: 0.0625 * a + 0.1875 * b + 0.75 * c,
    *(state.params for state in (start, first, second)),
  )
  chex.assert_trees_all_close(
    after.average, {"params": average}, rtol=1e-5, atol=1e-6
  )
  close = functools.partial(chex.assert_trees_all_close, rtol=1e-5, atol=1e-6)
  close(after._replace(average=None), second)
  # Measured and deployed is the average, with the statistics of the last step.
  plain = second._replace(params=average)
  measured = [
    parallel.pmap_evaluate(one.evaluate)(state, (), rows, KEY, 0)
    for one, state in ((averaged, after), (task, plain))
  ]
  chex.assert_trees_all_close(*measured, rtol=1e-3)
  close(
    jax.tree.leaves(averaged.deployed(after)),
    jax.tree.leaves(task.deployed(plain)),
  )


def test_supervised_step_is_gradient_descent_on_the_mean_loss():
  task, rows = example("supervised")
  state = jax.jit(task.init)(KEY, rows)

  def loss(params):
    variables = {"params": params, **state.model_state}
    logits, _ = TinyNet().apply(
      variables, rows["x"], train=True, mutable=["batch_stats"]
    )
    return losses.cross_entropy(logits, rows["y"]).mean()

  gradient = jax.jit(jax.grad(loss))(state.params)
  expected = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, gradient)
  after, _ = steps(task, 1, rows)
  chex.assert_trees_all_close(after.params, expected, rtol=1e-5, atol=1e-7)


def test_what_validation_measures_is_the_evaluators():
  attack = attacks.compose(
    search.pgd, sets.linf(0.2), losses.cross_entropy, num_steps=2
  )
  evaluator = robustness({"robust": attack})
  task = supervised(TinyNet(), optax.sgd(0.1), loss=erm(), evaluator=evaluator)
  rows = example("supervised").batch
  state = jax.jit(task.init)(KEY, rows)
  measured = parallel.pmap_evaluate(task.evaluate)(state, (), rows, KEY, 0)
  assert {"accuracy", "robust_accuracy"} <= set(measured)
