"""The cost of a step of a config, by closed forms."""

import importlib
import math

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from experiments.planning.described_step import described_step
from robust_jax import parallel
from robust_jax.data.loader import Loader
from robust_jax.flop import count_flop
from robust_jax.training.step_cost import shapes_of_step, step_cost
from robust_jax.types import State, Task


def config_of(name, num_steps=None):
  config = importlib.import_module(f"experiments.configs.{name}").get_config(
    "smoke"
  )
  if num_steps is not None:
    config.loss.attack.search.num_steps = num_steps
  return config


def cost_of(config):
  task, training = described_step(config)
  return step_cost(task, training, *shapes_of_step(task, training))


def test_each_step_of_pgd_costs_a_pass_forward_and_one_to_the_input():
  config = config_of("adversarial.digits_pgd")
  one, two, nine = (
    cost_of(config_of("adversarial.digits_pgd", n)) for n in (1, 2, 9)
  )
  assert [c.forward for c in (one, two, nine)] == [2, 3, 10]
  assert [c.backward for c in (one, two, nine)] == [2, 3, 10]
  config.loss = {"name": "erm"}
  config.training.monitor = "accuracy"
  # A pass backward has the gradients to the parameters and to all inputs but
  # those of the first layer.
  standard = cost_of(config)
  assert (standard.forward, standard.backward) == (1, 1)
  slope = two.flop - one.flop
  assert nine.flop - two.flop == 7 * slope
  assert one.flop - standard.flop == slope
  assert standard.flop < 1.5 * slope < 1.5 * standard.flop


def test_cost_is_proportional_to_the_batch():
  config = config_of("adversarial.digits_pgd")
  small = cost_of(config)
  config.training.batch_size *= 3
  large = cost_of(config)
  assert (small.forward, small.backward) == (large.forward, large.backward)
  assert large.flop == pytest.approx(3 * small.flop)


def test_operations_are_of_the_precision_of_the_config():
  config = config_of("adversarial.digits_pgd")
  assert cost_of(config).dtype == "float32"
  config.precision = "bfloat16"
  cost = cost_of(config)
  assert cost.dtype == "bfloat16"
  assert set(cost.flop_by_dtype) == {"bfloat16", "float32"}  # the last layer


def test_a_step_in_forward_mode_has_flop_but_no_count_of_passes():
  layer, x = nn.Dense(3, use_bias=False), jnp.ones((4, 5))

  def step(state, batch, key):
    del key
    loss = lambda params: layer.apply({"params": params}, batch["x"])
    slope = jax.jvp(loss, (state.params,), (state.params,))[1]
    mean = parallel.mean(slope.mean())
    moved = jax.tree.map(lambda p: p + mean, state.params)
    return state._replace(params=moved), {}

  def init(key, batch):
    return State(0, layer.init(key, batch["x"])["params"], {}, ())

  task = Task(init, step, lambda *_: {}, lambda _: None, lambda _: {})
  batch = {"x": x, "mask": jnp.ones(4)}
  loader = Loader((), lambda _: iter([batch]), parallel.decode_batch, 1)
  cost = step_cost(task, loader, *shapes_of_step(task, loader))
  assert math.isnan(cost.forward)
  assert cost.flop == 2 * 4 * 5 * 3


def test_a_step_that_interprets_its_model_is_counted():
  cost = cost_of(config_of("certified.mnist_ibp"))
  assert (cost.forward, cost.backward) == (1, 1)


def test_a_network_that_is_called_in_parts_has_flop_but_no_count_of_passes():
  cost = cost_of(config_of("domain.digits_dann"))
  assert math.isnan(cost.forward)
  assert cost.flop > 0


def test_examples_that_come_with_variants_are_described_with_them():
  assert cost_of(config_of("text.word_recognition")).flop > 0


@pytest.mark.parametrize("name", ["adversarial.digits_pgd", "fader.digits"])
def test_counting_does_not_change_the_step(name):
  """Models are marked to be counted, but not in a program traced later."""
  task, training = described_step(config_of(name))
  state, indices = shapes_of_step(task, training)
  cost = step_cost(task, training, state, indices)
  key = jax.eval_shape(lambda: jax.random.key(0))
  step = parallel.simulate_step(task.step, 1)
  program = jax.make_jaxpr(step)(state, (), indices, key)
  assert "_forward_pass" not in str(program)
  # Without the merging of equal computations there are no fewer.
  assert sum(count_flop(program).values()) >= cost.flop
