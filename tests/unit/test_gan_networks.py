"""Networks of GANs: shapes, initialization, spectral normalization."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import metrics, parallel
from robust_jax.adversarial_losses import penalties, relativistic
from robust_jax.models import (
  DcganDiscriminator,
  DcganGenerator,
  R3ganDiscriminator,
  R3ganGenerator,
)
from robust_jax.models.gan.resampling import smooth_upsample
from robust_jax.models.layers import blur_pool
from robust_jax.models.spectral_norm import COLLECTION, spectral_norm
from robust_jax.tasks.gan import PLAYERS, gan

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
Z = jnp.ones((2, 5))


def shape_of(model, inputs):
  return jax.eval_shape(model.init_with_output, KEY, inputs)[0].shape


@pytest.mark.parametrize(("pixels", "doublings"), [(28, 2), (32, 3), (64, 4)])
def test_images_of_28_32_and_64_pixels(pixels, doublings):
  shape = (pixels, pixels, 3)
  widths = [4 * 2**i for i in range(doublings)]
  for upsampling in ("resize", "transposed"):
    model = DcganGenerator(shape, widths[::-1], upsampling=upsampling)
    assert shape_of(model, Z) == (2, *shape)
  assert shape_of(DcganDiscriminator(widths), jnp.ones((2, *shape))) == (2,)
  widths = [8, *widths]
  model = R3ganGenerator(shape, widths[::-1], group_size=4)
  assert shape_of(model, Z) == (2, *shape)
  model = R3ganDiscriminator(widths, group_size=4)
  assert shape_of(model, jnp.ones((2, *shape))) == (2,)


@pytest.mark.parametrize(
  ("model", "message"),
  [
    (DcganGenerator((30, 28, 1)), "30 x 28 pixels: expected multiples of 4"),
    (
      DcganGenerator((28, 28, 1), upsampling="bilinear"),
      "upsampling = 'bilinear': expected 'resize' or 'transposed'",
    ),
    (
      R3ganGenerator((28, 28, 1), group_size=24),
      "group_size = 24: expected a divisor of 128",
    ),
  ],
)
def test_options_that_do_not_fit_are_refused(model, message):
  with pytest.raises(ValueError, match=message):
    shape_of(model, Z)


def test_residual_blocks_begin_as_the_identity():
  """So the first output is linear in the latent, up to the last tanh."""
  model = R3ganGenerator((4, 4, 1), (4, 4), group_size=4)
  z = RNG.normal(size=(3, 5)).astype(np.float32)
  z[2] = z[0] + z[1]
  x = jax.jit(lambda z: model.init_with_output(KEY, z)[0])(z)
  logits = np.arctanh(2 * np.asarray(x, np.float64) - 1)
  assert np.abs(logits).max() > 0.1
  np.testing.assert_allclose(logits[2], logits[0] + logits[1], atol=1e-3)


def test_smooth_upsampling_keeps_pixels_and_constants():
  x = RNG.random((2, 4, 6, 3), np.float32)
  y = smooth_upsample(x)
  np.testing.assert_array_equal(y[:, ::2, ::2], x)
  middle = (x[:, :-1, 1:] + x[:, 1:, 1:] + x[:, :-1, :-1] + x[:, 1:, :-1]) / 4
  np.testing.assert_allclose(y[:, 1:-1:2, 1:-1:2], middle, rtol=1e-5)
  np.testing.assert_array_equal(smooth_upsample(jnp.ones((1, 3, 3, 1))), 1)
  assert blur_pool(y).shape == x.shape


class _Convolution(nn.Module):
  @nn.compact
  def __call__(self, x, *, train=False):
    layer = nn.Conv(5, (3, 3), use_bias=False, name="conv")
    return spectral_norm(layer, train=train)(x)


def test_spectral_normalization_divides_by_the_largest_singular_value():
  """Training passes make the estimate exact, and nothing else changes it."""
  model, x = _Convolution(), RNG.random((2, 6, 6, 4), np.float32)
  variables = model.init(KEY, x)
  train = jax.jit(lambda v: model.apply(v, x, train=True, mutable=[COLLECTION]))
  for _ in range(50):
    output, changed = train(variables)
    variables = {**variables, **changed}
  kernel = np.asarray(variables["params"]["conv"]["kernel"])
  largest = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
  plain = nn.Conv(5, (3, 3), use_bias=False).apply(
    {"params": {"kernel": kernel}}, x
  )
  np.testing.assert_allclose(output, plain / largest, rtol=1e-3, atol=1e-4)
  _, same = model.apply(variables, x, mutable=[COLLECTION])
  jax.tree.map(
    np.testing.assert_array_equal, same[COLLECTION], variables[COLLECTION]
  )


def tiny_task(discriminator, generator=None, **options):
  models = {
    "generator": generator or DcganGenerator((8, 8, 1), (4,)),
    "discriminator": discriminator,
  }
  optimizers = dict.fromkeys(PLAYERS, optax.adam(1e-3, b1=0.0))
  return gan(models, optimizers, latent_size=3, **options)


ROWS = {"x": RNG.random((8, 8, 8, 1), np.float32), "mask": jnp.ones(8)}


def test_statistics_of_both_players_move_once_and_penalties_are_per_example():
  """The penalty of a discriminator with spectral normalization is allowed."""
  normed = DcganDiscriminator((4,), batch_norm="none", spectral_norm=True)
  task = tiny_task(normed, penalties=[penalties.r1()])
  state = jax.jit(task.init)(KEY, ROWS)
  after, report = parallel.simulate_step(task.step, 2)(state, (), ROWS, KEY)
  moved = jax.tree.map(
    lambda a, b: bool(np.any(a != b)), after.model_state, state.model_state
  )
  assert set(moved["generator"]) == {"batch_stats"}
  assert set(moved["discriminator"]) == {COLLECTION}
  assert all(jax.tree.leaves(moved))
  assert metrics.result(report)["penalty"] > 0
  # The generator deploys its running statistics.
  assert task.deployed(after).sample(KEY, 3).shape == (3, 8, 8, 1)


def test_a_penalty_of_a_discriminator_with_batch_norm_is_refused():
  task = tiny_task(DcganDiscriminator((4, 4)), penalties=[penalties.r1()])
  with pytest.raises(ValueError, match="a discriminator with BatchNorm"):
    jax.eval_shape(task.init, KEY, ROWS)


def test_the_recommended_recipe_trains_in_bfloat16_with_finite_penalties():
  make = functools.partial(R3ganGenerator, (8, 8, 1), (4, 4), group_size=4)
  task = tiny_task(
    R3ganDiscriminator((4, 4), group_size=4, dtype=jnp.bfloat16),
    make(dtype=jnp.bfloat16),
    adversarial_loss=relativistic(),
    penalties=[penalties.r1(every=2), penalties.r2(every=2)],
  )
  state = jax.jit(task.init)(KEY, ROWS)
  step = parallel.simulate_step(task.step, 1)
  reports = []
  for _ in range(2):
    state, report = step(state, (), ROWS, KEY)
    reports.append(metrics.result(report))
  assert all(np.isfinite(v) for r in reports for v in r.values())
  assert [r["penalty"] > 0 for r in reports] == [True, False]
