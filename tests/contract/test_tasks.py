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
from robust_jax.models.batch_norm import batch_norm
from robust_jax.models.fader_autoencoder import FaderAutoencoder
from robust_jax.tasks.adversarial import adversarial
from robust_jax.tasks.supervised import supervised

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
    "attack": ATTACK,
    "probes": {"robust": ATTACK},
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
each_average = pytest.mark.parametrize(
  "name", [name for name in TASKS if takes(name, "ema_decay")]
)


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
  assert ("robust_accuracy" in reported) == takes(name, "probes")


@pytest.mark.parametrize("name", [n for n in TASKS if n not in MODELS])
def test_what_is_deployed_answers_each_image_for_itself(name):
  rows = batch(name)
  task, _, (_, state, _), _ = trained(name)
  x = rows.get("target", rows)["x"]
  deployed = task.deployed(state)
  alone = deployed(x[:1])
  assert alone.shape == (1, 3)
  np.testing.assert_allclose(deployed(x)[:1], alone, rtol=1e-5, atol=1e-6)


@each_average
def test_the_average_of_parameters_follows_them(name):
  task = make(name, ema_decay=0.9)
  start = jax.jit(task.init)(KEY, batch())
  state, _ = steps(task, 1, batch())
  expected = jax.tree.map(
    lambda a, b: 0.9 * a + 0.1 * b, start.params, state.params
  )
  chex.assert_trees_all_close(state.ema, expected, rtol=1e-6)


@each_average
@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_that_averages_nothing_is_refused(name, decay):
  with pytest.raises(ValueError, match=f"ema_decay = {decay}: wanted 0 <="):
    make(name, ema_decay=decay)


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


def test_adversarial_step_is_a_supervised_step_on_the_attacked_batch():
  rows = batch()
  seen = {}

  def blacken(key, logits_fn, x, labels):
    # The attack sees running statistics: each row answers for itself alone.
    rowwise = jnp.concatenate([logits_fn(x[i : i + 1]) for i in range(len(x))])
    seen["difference"] = jnp.abs(rowwise - logits_fn(x)).max()
    return jnp.zeros_like(x) + 0 * seen["difference"]

  task = adversarial(Net(), SGD, attack=blacken)
  black = rows | {"x": jnp.zeros_like(rows["x"])}
  attacked, _ = steps(task, 1, rows)
  plain, _ = steps(supervised(Net(), SGD), 1, black)
  chex.assert_trees_all_close(attacked, plain, rtol=1e-5, atol=1e-6)


def test_the_cost_of_the_attack_is_reported():
  _, report = steps(make("adversarial"), 1, batch())
  assert metrics.result(report)["attack_passes"] == 4.0  # 2 forward, 2 back


def test_the_change_grows_over_the_warm_up():
  white = lambda key, logits_fn, x, labels: (
    jnp.ones_like(x) + 0 * logits_fn(x)[0, 0]
  )
  seen = []

  class Watching(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
      if train:
        jax.debug.callback(lambda m: seen.append(float(m)), x.mean())
      return nn.Dense(3)(x.reshape(len(x), -1))

  task = adversarial(Watching(), SGD, attack=white, warmup_steps=4)
  rows = batch() | {"x": jnp.zeros((8, 4, 4, 1))}
  state = jax.jit(task.init)(KEY, rows)
  step = parallel.simulate_step(task.step, 1)
  for _ in range(5):
    state, _ = step(state, (), rows, KEY)
  jax.effects_barrier()
  np.testing.assert_allclose(seen, [0.25, 0.5, 0.75, 1, 1], rtol=1e-6)
