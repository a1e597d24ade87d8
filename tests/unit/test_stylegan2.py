"""StyleGAN2: styles, demodulation, noise, mixing, equalized learning rates."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import parallel
from robust_jax.adversarial_losses import penalties
from robust_jax.models import Stylegan2Discriminator, Stylegan2Generator
from robust_jax.models.gan.style_layers import (
  Equalized,
  ModulatedConv,
  minibatch_std,
)
from robust_jax.tasks.gan import PLAYERS, gan

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 5)).astype(np.float32)
GENERATOR = Stylegan2Generator(
  (8, 8, 1), (8, 4), style_size=8, mapping_rate=0.1
)


def test_demodulated_outputs_have_variance_1_and_forget_the_styles_scale():
  x = RNG.normal(size=(2, 64, 64, 16)).astype(np.float32)
  style = RNG.uniform(0.1, 5, (2, 16)).astype(np.float32)
  layer = ModulatedConv(8, 3)
  variables = layer.init(KEY, x, style)
  apply = jax.jit(layer.apply)
  y = np.asarray(apply(variables, x, style))
  np.testing.assert_allclose(
    y[:, 1:-1, 1:-1].std(axis=(1, 2)), np.ones((2, 8)), rtol=0.1
  )
  scaled = apply(variables, x, style * np.float32([[0.01], [100]]))
  np.testing.assert_allclose(scaled, y, rtol=1e-3, atol=1e-4)


def test_a_modulated_convolution_is_one_with_a_kernel_of_its_own():
  """Of each example: styles scale the kernel's inputs, then it is normed."""
  x = RNG.normal(size=(2, 6, 6, 3)).astype(np.float32)
  style = RNG.normal(size=(2, 3)).astype(np.float32)
  layer = ModulatedConv(5, 3)
  variables = layer.init(KEY, x, style)
  y = layer.apply(variables, x, style)
  kernel = np.asarray(variables["params"]["equalized"])
  for one, s, expected in zip(x, style, y, strict=True):
    own = kernel * s[:, None]
    own = own / np.sqrt(np.square(own).sum(axis=(0, 1, 2)))
    found = jax.lax.conv_general_dilated(
      one[None],
      own,
      (1, 1),
      "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)


def test_equalized_layers_keep_variance_and_learn_at_their_rate():
  """The first outputs are those of rate 1, whatever the rate is."""
  x = RNG.normal(size=(500, 40)).astype(np.float32)
  layer = Equalized(30, bias=2.0)
  y, variables = layer.init_with_output(KEY, x)
  assert np.std(y - 2.0) == pytest.approx(1, rel=0.1)
  slow = Equalized(30, rate=0.1, bias=2.0)
  same, stored = slow.init_with_output(KEY, x)
  np.testing.assert_allclose(same, y, rtol=1e-4, atol=1e-4)
  step = lambda params: jax.tree.map(lambda w: w + 0.5, params)
  moved, slowly = (
    one.apply(step(variables), x) - y
    for one, variables in ((layer, variables), (slow, stored))
  )
  np.testing.assert_allclose(slowly, 0.1 * moved, rtol=1e-2, atol=1e-3)


@pytest.fixture(scope="module")
def generator():
  """Variables of the generator with noise, and its two modes."""
  variables = GENERATOR.init(KEY, Z)
  params = {
    name: jnp.float32(0.3) if name.startswith("noise") else leaf
    for name, leaf in variables["params"].items()
  }
  train = jax.jit(
    lambda key, z: GENERATOR.apply(
      {"params": params}, z, train=True, rngs={"dropout": key}
    )
  )
  return params, train


def test_the_length_of_a_latent_has_no_effect_and_noise_is_fixed(generator):
  params, train = generator
  infer = jax.jit(lambda z: GENERATOR.apply({"params": params}, z))
  x = infer(Z)
  np.testing.assert_allclose(infer(3 * Z), x, atol=1e-5)
  same = infer(np.tile(Z[:1], (4, 1)))
  np.testing.assert_array_equal(same, np.tile(same[:1], (4, 1, 1, 1)))
  assert np.abs(train(KEY, Z) - x).max() > 0.01


def test_in_training_examples_have_noise_and_mix_styles(generator):
  """Without noise, examples of one latent differ by what is mixed in."""
  params, _ = generator
  silent = {
    name: 0 * leaf if name.startswith("noise") else leaf
    for name, leaf in params.items()
  }
  z = np.tile(Z[:1], (64, 1))

  def distinct(mixing):
    model = GENERATOR.clone(style_mixing=mixing)
    x = jax.jit(
      lambda key: model.apply(
        {"params": silent}, z, train=True, rngs={"dropout": key}
      )
    )(KEY)
    plain = model.apply({"params": silent}, z[:1])
    return np.abs(x - plain).max(axis=(1, 2, 3)) > 1e-6

  assert not distinct(0.0).any()
  assert distinct(0.5).mean() == pytest.approx(0.5, abs=0.2)


def test_the_deviation_of_a_minibatch_is_that_of_its_groups():
  x = RNG.normal(size=(4, 2, 2, 3)).astype(np.float32)
  seen = np.asarray(minibatch_std(x, 2))
  np.testing.assert_array_equal(seen[..., :3], x)
  for group in ([0, 2], [1, 3]):
    expected = x[group].std(axis=0).mean()
    np.testing.assert_allclose(seen[group][..., 3], expected, rtol=1e-5)
  with pytest.raises(ValueError, match="minibatch_std = 3 for a batch of 4"):
    minibatch_std(x, 3)


def test_a_step_with_a_lazy_penalty_reaches_every_parameter():
  models = {
    "generator": GENERATOR,
    "discriminator": Stylegan2Discriminator((4, 4)),
  }
  optimizers = dict.fromkeys(PLAYERS, optax.sgd(0.1))
  rows = {"x": RNG.random((8, 8, 8, 1), np.float32), "mask": jnp.ones(8)}
  task = gan(
    models, optimizers, latent_size=5, penalties=[penalties.r1(every=16)]
  )
  state = jax.jit(task.init)(KEY, rows)
  after, _ = parallel.simulate_step(task.step, 1)(state, (), rows, KEY)
  same = jax.tree.map(np.array_equal, state.params, after.params)
  still = [
    jax.tree_util.keystr(path)
    for path, equal in jax.tree_util.tree_leaves_with_path(same)
    if equal
  ]
  assert not still
