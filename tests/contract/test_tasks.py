"""What every task must satisfy."""

import functools
import inspect

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import attacks, lookup, losses, metrics, parallel, search
from robust_jax import perturbations as sets
from robust_jax.adaptation import dann
from robust_jax.evaluators.robustness import robustness
from robust_jax.models.batch_norm import batch_norm
from robust_jax.models.fader_autoencoder import FaderAutoencoder
from robust_jax.training import averages
from robust_jax.training_losses.erm import erm

KEY = jax.random.key(0)
SGD = optax.sgd(0.1)
ATTACK = attacks.compose(
  search.pgd, sets.linf(0.2), losses.cross_entropy, num_steps=2, keep="last"
)


class Net(nn.Module):
  def setup(self):
    self.last = nn.Dense(3)

  def __call__(self, x, *, train=False):
    return self.head(self.features(x, train=train), train=train)

  def head(self, h, *, train=False):
    return self.last(h)

  @nn.compact
  def features(self, x, *, train=False):
    x = nn.Dense(8)(x.reshape(len(x), -1))
    return nn.relu(batch_norm("per_device", train=train, name="bn")(x))


def one_domain(batch_size=8):
  keys = jax.random.split(KEY)
  return {
    "x": jax.random.uniform(keys[0], (batch_size, 4, 4, 1)),
    "y": jax.random.randint(keys[1], (batch_size,), 0, 3),
    "mask": jnp.ones(batch_size),
  }


def two_domains(batch_size=8):
  rows = one_domain(batch_size)
  number = lambda n: {"domain": jnp.full(batch_size, n)}
  return {
    "source": rows | number(0),
    "target": rows | {"x": 1 - rows["x"]} | number(1),
  }


# What a task trains on, where that is not a batch of one domain, and what it
# trains, where that is no classifier.
BATCHES = {"domain": two_domains, "adda": two_domains, "mcd": two_domains}
MODELS = {
  "fader": FaderAutoencoder(
    num_classes=3,
    image_shape=(4, 4, 1),
    code_size=2,
    widths=(4,),
    decoder_widths=(4,),
  )
}
PLAYERS = {
  "adda": ("source", "adversary", "target"),
  "fader": ("autoencoder", "classifier"),
}


def batch(name="supervised"):
  return BATCHES.get(name, one_domain)()


def parts(name):
  """What the maker of a task takes, as a config would give it."""
  offered = {
    "optimizer": SGD,
    "optimizers": dict.fromkeys(PLAYERS.get(name, ()), SGD),
    "loss": erm(),
    "evaluator": robustness({"robust": ATTACK}),
    "alignment": dann(hidden=(4,)),
    "num_steps": 2,
    "batch_norm": "separate",
    "ramp": "constant",
    "beta": 0.1,
  }
  taken = inspect.signature(lookup.find("tasks", name)).parameters
  return {k: part for k, part in offered.items() if k in taken}


def make(name, **options):
  model = MODELS.get(name, Net())
  return lookup.find("tasks", name)(model, **parts(name), **options)


def takes(name, option):
  return option in inspect.signature(lookup.find("tasks", name)).parameters


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
  task, rows = make(name), batch(name)
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
  rows = jax.tree.map(np.array, batch(name))
  other = jax.tree.map(np.array, rows)
  parts = lambda rows: rows.values() if "source" in rows else [rows]
  for one, another in zip(parts(rows), parts(other), strict=True):
    one["mask"][5:] = another["mask"][5:] = 0
    another["x"][5:] = 0.25
    another["y"][5:] = 1
  results = [evaluate(state, (), r, KEY, 0) for r in (rows, other)]
  chex.assert_trees_all_equal(*results)
  assert all(count == 5 for _, count in results[0].values())
  reported = task.summarise(metrics.result(results[0]))
  assert all(np.isfinite(value) for value in reported.values())
  assert ("robust_accuracy" in reported) == takes(name, "evaluator")


@pytest.mark.parametrize("name", [n for n in TASKS if n not in MODELS])
def test_what_is_deployed_answers_each_image_for_itself(name):
  rows = batch(name)
  task, _, (_, state, _), _ = trained(name)
  x = rows.get("target", rows)["x"]
  deployed = task.deployed(state)
  alone = deployed(x[:1])
  assert alone.shape == (1, 3)
  np.testing.assert_allclose(deployed(x)[:1], alone, rtol=1e-5, atol=1e-6)


@each_task
def test_an_average_of_the_weights_changes_nothing_but_what_is_measured(name):
  task, _, (start, first, second), _ = trained(name)
  rows, averaged = batch(name), averages.ema(task, 0.25)
  began, step = started(averaged, rows)
  chex.assert_trees_all_equal(began.average, start.params)
  after, _ = step(began, (), rows, KEY)
  after, _ = step(after, (), rows, KEY)
  average = jax.tree.map(
    lambda a, b, c: 0.0625 * a + 0.1875 * b + 0.75 * c,
    *(state.params for state in (start, first, second)),
  )
  chex.assert_trees_all_close(after.average, average, rtol=1e-5, atol=1e-6)
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
  rows, task = batch(), make("supervised")
  state = jax.jit(task.init)(KEY, rows)

  def loss(params):
    variables = {"params": params, **state.model_state}
    logits, _ = Net().apply(
      variables, rows["x"], train=True, mutable=["batch_stats"]
    )
    return losses.cross_entropy(logits, rows["y"]).mean()

  gradient = jax.jit(jax.grad(loss))(state.params)
  expected = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, gradient)
  after, _ = steps(task, 1, rows)
  chex.assert_trees_all_close(after.params, expected, rtol=1e-5, atol=1e-7)
