"""Laws of every training loss; they are discovered, not listed."""

import functools
import inspect

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import lookup, metrics, parallel, perturbations, search
from robust_jax.evaluators.robustness import robustness
from robust_jax.gradients.identity import identity
from robust_jax.gradients.sam import sam
from robust_jax.models.text.embeddings import TokenEmbeddings, mean_of_tokens
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.forward import model_forward
from robust_jax.types import LossOutput, State
from tests.contract.samples import first_accepted

KEY = jax.random.key(0)
LOSSES = lookup.members("training_losses")
each_loss = pytest.mark.parametrize("name", LOSSES)


class Linear(nn.Module):
  """A linear model of images, or of the mean embedding of a text."""

  @nn.compact
  def __call__(self, x, *, train=False):
    del train
    if isinstance(x, dict):
      x = mean_of_tokens(TokenEmbeddings(vocabulary_size=7, width=4)(x), x)
    return nn.Dense(3)(x.reshape(len(x), -1))


def kinds_of_batch():
  keys = jax.random.split(KEY)
  tokens = jax.random.randint(keys[0], (8, 5), 0, 7)
  lengths = jnp.arange(8)[:, None] % 5 + 1
  rows = {"y": jax.random.randint(keys[1], (8,), 0, 3), "mask": jnp.ones(8)}
  return (
    rows | {"x": jax.random.uniform(keys[0], (8, 4, 4, 1))},
    rows | {"x": {"tokens": tokens, "mask": jnp.arange(5) < lengths}},
  )


@functools.cache
def batch(name="erm"):
  """The first kind of batch that the loss of that name can be called with."""

  def call(rows):
    params = Linear().init(KEY, rows["x"])["params"]
    state = State(jnp.int32(0), params, {}, ())
    return make(name)(model_forward(Linear(), params, state), rows, KEY)

  accepts = functools.partial(jax.eval_shape, call)
  return first_accepted(name, accepts, kinds_of_batch())


def climb(key, model, x, targets):
  """An attack for any targets: every pixel moves the way of the first logit."""
  del key, targets
  first = lambda x: model(x)[:, 0].sum()
  return jnp.clip(x + 0.1 * jnp.sign(jax.grad(first)(x)), 0, 1)


def make(name, size=0.1):
  """With `size` for what is drawn: the radius or standard deviation of it."""
  factory = lookup.find("training_losses", name)
  offered = {
    "attack": climb,
    "attacks": {"climb": climb, "invert": lambda key, model, x, y: 1 - x},
    "augmentation": lambda key, x: 1 - x,
    "eps": size,
    "init_magnitude": size,
    "radius": size,
    "scale": size,
    "step_size": size,
    "width": 4,
    "search": search.fgsm,
    "surrogates": [lambda x: x.reshape(len(x), -1)[:, :3]],
    "pset": perturbations.linf(size),
    "sigma": size,
  }
  taken = inspect.signature(factory).parameters
  return factory(**{k: part for k, part in offered.items() if k in taken})


@functools.cache
def compiled(name):
  """The sum of the loss of a model with these parameters, and its gradient.

  `at_start` are the parameters that the step began with.
  """

  def total(params, at_start, rows):
    state = State(jnp.int32(0), at_start, {}, ())
    out = make(name)(model_forward(Linear(), params, state), rows, KEY)
    return out.per_example.sum(), out

  return jax.jit(jax.value_and_grad(total, has_aux=True))


@functools.cache
def stepped(name, gradient=identity, num_devices=1, size=0.1):
  """The state before a step, and the step."""
  task = supervised(
    Linear(),
    optax.sgd(0.1),
    loss=make(name, size),
    evaluator=robustness(),
    gradient=gradient(),
  )
  state = jax.jit(task.init)(KEY, batch(name))
  step = parallel.simulate_step(task.step, num_devices)

  def after(rows):
    new, report = step(state, (), rows, KEY)
    return new, metrics.result(report)

  return after


@functools.cache
def initial(name):
  return Linear().init(KEY, batch(name)["x"])["params"]


@each_loss
def test_it_is_one_number_for_each_example(name):
  (_, out), grads = compiled(name)(initial(name), initial(name), batch(name))
  assert isinstance(out, LossOutput)
  assert out.per_example.shape == (8,)
  assert out.per_example.dtype == jnp.float32
  assert out.outputs.shape == (8, 3)
  assert all(bool(jnp.any(g != 0)) for g in jax.tree.leaves(grads))


def at_scale(name, scale):
  """The loss of logits that are `scale` times as large, and its gradient."""
  last = jax.tree.map(lambda w: scale * w, initial(name)["Dense_0"])
  params = initial(name) | {"Dense_0": last}
  return compiled(name)(params, params, batch(name))


@each_loss
def test_it_is_finite_at_extreme_logits(name):
  (small, _), _ = at_scale(name, 1e6)
  (large, _), _ = at_scale(name, 1e8)
  # The square of 1e30 is no float32.
  is_quadratic = large > 1e3 * small
  for scale in (0.0, 1.0, 1e4, 1e15 if is_quadratic else 1e30):
    chex.assert_tree_all_finite(
      at_scale(name, scale), custom_message=f"logits of about {scale}"
    )


@each_loss
def test_no_gradient_flows_through_the_attack(name):
  """It is that of the loss as a function of the training passes alone."""
  start, rows = initial(name), batch(name)
  at = lambda params: compiled(name)(params, start, rows)
  _, grads = at(start)
  direction = jax.tree.map(lambda g: jax.random.normal(KEY, g.shape), grads)
  moved = lambda h: jax.tree.map(lambda w, d: w + h * d, start, direction)
  central = (at(moved(1e-2))[0][0] - at(moved(-1e-2))[0][0]) / 2e-2
  slope = optax.tree.vdot(grads, direction)
  np.testing.assert_allclose(central, slope, rtol=2e-2)


@each_loss
def test_masked_rows_have_no_influence_on_a_step(name):
  rows = batch(name) | {"mask": jnp.float32([1, 1, 1, 1, 1, 0, 0, 0])}
  x = jax.tree.map(lambda leaf: leaf.at[5:].set(leaf[0]), rows["x"])
  y = rows["y"].at[5:].set(1)
  after = [stepped(name)(each) for each in (rows, rows | {"x": x, "y": y})]
  chex.assert_trees_all_close(*after, rtol=1e-6, atol=1e-7)


@each_loss
def test_every_real_example_counts_alike_on_any_number_of_devices(name):
  rows = batch(name) | {"mask": jnp.float32([1, 1, 1, 0, 1, 1, 1, 1])}
  # Without noise, which each device draws for itself.
  after = [stepped(name, num_devices=n, size=0.0)(rows) for n in (1, 2)]
  chex.assert_trees_all_close(*after, rtol=1e-5, atol=1e-6)


@each_loss
def test_its_gradient_may_be_taken_elsewhere(name):
  plain, report = stepped(name)(batch(name))
  sharp, first_pass = stepped(name, functools.partial(sam, 0.5))(batch(name))
  chex.assert_trees_all_close(report, first_pass, rtol=1e-5)
  kernels = [one.params["Dense_0"]["kernel"] for one in (plain, sharp)]
  assert not np.allclose(*kernels, rtol=1e-3, atol=1e-5)
