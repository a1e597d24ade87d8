"""A batch that is worked off in parts is the whole batch."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

from robust_jax import (
  attacks,
  gradients,
  losses,
  metrics,
  parallel,
  search,
  tasks,
)
from robust_jax import perturbations as sets
from robust_jax.evaluators.robustness import robustness
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.tasks._example import TinyNet, example_batch
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.pgd_at import pgd_at
from robust_jax.types import LossOutput

KEY = jax.random.key(0)
PLAIN_NET = MLP(features=(8,), num_classes=3)
# One row is padding, so the parts have unequally many examples.
BATCH = example_batch(16) | {"mask": jnp.ones(16).at[3].set(0.0)}


def pgd(**options):
  return attacks.compose(
    search.pgd,
    sets.linf(0.1),
    losses.cross_entropy,
    num_steps=2,
    keep="last",
    **options,
  )


def task(accumulation_steps=1, *, model=PLAIN_NET, **options):
  return tasks.supervised(
    model,
    optax.sgd(0.1, momentum=0.9),
    evaluator=robustness(),
    accumulation_steps=accumulation_steps,
    **{"loss": erm()} | options,
  )


def after_steps(made, num_devices=1, num_steps=2, state=None):
  state = made.init(KEY, BATCH) if state is None else state
  step = parallel.simulate_step(made.step, num_devices)
  report = None
  for _ in range(num_steps):
    state, report = step(state, (), BATCH, KEY)
  return jax.device_get(state), metrics.result(report)


@pytest.mark.parametrize("num_parts", [2, 16])
@pytest.mark.parametrize(
  "options",
  [
    {},
    {"loss": pgd_at(pgd(random_start=False))},
    {"gradient": gradients.sam(0.05)},
    {"gradient": gradients.awp(0.01), "label_smoothing": 0.1},
  ],
  ids=["erm", "pgd_at", "sam", "awp"],
)
def test_parts_are_the_whole_batch(num_parts, options):
  chex.assert_trees_all_close(
    after_steps(task(num_parts, **options)),
    after_steps(task(1, **options)),
    rtol=1e-5,
    atol=1e-6,
  )


@pytest.mark.parametrize("num_devices", [1, 2])
def test_parts_are_to_batch_norm_what_devices_are(num_devices):
  net = TinyNet()
  chex.assert_trees_all_close(
    after_steps(task(4, model=net), num_devices),
    after_steps(task(1, model=net), 4 * num_devices),
    rtol=1e-5,
    atol=1e-6,
  )


def test_each_part_has_its_own_key():
  def loss(forward, batch, key):
    outputs, model_state = forward.train(key, batch["x"])
    draw = jax.random.uniform(key)
    drawn = {"draw": (draw, 1.0), "square": (draw**2, 1.0)}
    return LossOutput(outputs.sum(axis=1), outputs, drawn, model_state)

  _, report = after_steps(task(4, loss=loss))
  assert report["square"] - report["draw"] ** 2 > 1e-3  # the draws' variance


def test_a_run_that_is_resumed_ends_with_the_same_bits():
  made = task(4, model=TinyNet(), loss=pgd_at(pgd()))
  whole, _ = after_steps(made, num_steps=4)
  half, _ = after_steps(made, num_steps=2)
  resumed, _ = after_steps(made, num_steps=2, state=half)
  chex.assert_trees_all_equal(resumed, whole)


def test_activations_take_the_memory_of_one_part():
  deep = MLP(features=(64,) * 8, num_classes=3)
  rows = jax.tree.map(lambda leaf: jnp.repeat(leaf, 64, axis=0), BATCH)

  def temporary_bytes(num_parts):
    made = task(num_parts, model=deep)
    step = jax.vmap(made.step, (None, 0, None), axis_name=parallel.AXIS)
    state = jax.eval_shape(made.init, KEY, rows)
    batch = jax.tree.map(lambda leaf: leaf[None], rows)
    compiled = jax.jit(step).lower(state, batch, KEY).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  assert temporary_bytes(8) < 0.5 * temporary_bytes(1)


def test_parts_that_are_not_equal_are_refused():
  with pytest.raises(ValueError, match="3 does not divide the 16 examples"):
    after_steps(task(3))
  with pytest.raises(ValueError, match="4 does not divide the 2 examples"):
    after_steps(task(4), num_devices=8)
  with pytest.raises(ValueError, match="accumulation_steps = 0"):
    task(0)
