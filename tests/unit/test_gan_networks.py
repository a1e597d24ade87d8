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
  BigganDiscriminator,
  BigganGenerator,
  DcganDiscriminator,
  DcganGenerator,
  PatchDiscriminator,
  R3ganDiscriminator,
  R3ganGenerator,
  Stylegan2Discriminator,
  UnetGenerator,
)
from robust_jax.models.blur_pool import blur_pool
from robust_jax.models.gan.class_layers import (
  ModulatedBatchNorm,
  SelfAttention,
)
from robust_jax.models.gan.resampling import (
  downsample,
  smooth_upsample,
  upsample,
)
from robust_jax.models.layers import batch_norm
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
  for upsampling in ("resize", "shuffle", "transposed"):
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
      "upsampling = 'bilinear': expected 'resize', 'shuffle'",
    ),
    (
      R3ganGenerator((28, 28, 1), group_size=24),
      "group_size = 24: expected a divisor of 128",
    ),
    (
      BigganGenerator((28, 28, 1), 3),
      r"label vectors of shape None: expected \[B, 3\]",
    ),
    (
      BigganGenerator((8, 8, 1), 3, (4, 4), False, attention_at=2),
      "attention_at = 2: expected None, or a place in widths, from 0 to 1",
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


@pytest.mark.parametrize(
  "discriminator",
  [DcganDiscriminator((4, 4)), Stylegan2Discriminator((4, 4), 4)],
)
def test_a_penalty_of_a_discriminator_that_mixes_is_refused(discriminator):
  task = tiny_task(discriminator, penalties=[penalties.r1()])
  with pytest.raises(
    ValueError, match="a discriminator with BatchNorm or mini"
  ):
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


def test_downsampling_is_the_adjoint_of_repetition_and_undoes_it():
  x, y = (RNG.random((2, 4, 6, 3), np.float32) for _ in range(2))
  np.testing.assert_allclose(downsample(upsample(x)), x, rtol=1e-6)
  fine = RNG.random((2, 8, 12, 3), np.float32)
  np.testing.assert_allclose(
    4 * np.vdot(downsample(fine), y), np.vdot(fine, upsample(y)), rtol=1e-5
  )


def test_attention_begins_as_the_identity_and_knows_no_order():
  """It looks at features and not at places, so these may be exchanged."""
  model, h = SelfAttention(), RNG.normal(size=(2, 4, 4, 8)).astype(np.float32)
  y, variables = model.init_with_output(KEY, h)
  np.testing.assert_array_equal(y, h)
  variables["params"]["gamma"] = jnp.float32(1.0)
  y = model.apply(variables, h)
  assert np.abs(y - h).max() > 0.01
  # A permutation of the 2x2 blocks that keys and values are pooled over.
  turned = model.apply(variables, np.roll(h, 2, axis=1))
  np.testing.assert_allclose(turned, np.roll(y, 2, axis=1), atol=1e-5)
  # Of an image of one color all pixels see the same.
  flat = model.apply(variables, np.tile(h[:, :1, :1], (1, 4, 4, 1)))
  np.testing.assert_allclose(
    flat, np.tile(flat[:, :1, :1], (1, 4, 4, 1)), rtol=1e-5
  )


class _Plain(nn.Module):
  @nn.compact
  def __call__(self, h):
    return batch_norm("per_device", train=True, name="norm")(h)


def test_modulated_batch_norm_of_zero_is_batch_norm_and_is_linear_in_v():
  h, v = RNG.normal(size=(2, 6, 3, 3, 4)).astype(np.float32)
  v = v[:, 0, 0]
  layer = ModulatedBatchNorm()
  variables = layer.init(KEY, h, v)
  apply = lambda v: layer.apply(variables, h, v, train=True, mutable=True)[0]
  plain = _Plain().init_with_output(KEY, h)[0]
  np.testing.assert_allclose(apply(0 * v), plain, atol=1e-6)
  np.testing.assert_allclose(
    apply(2 * v) - plain, 2 * (apply(v) - plain), atol=1e-5
  )


BIGGAN = {
  "generator": BigganGenerator(
    (8, 8, 1), 3, (4, 4), embedding_size=2, spectral_norm=False
  ),
  "discriminator": BigganDiscriminator(3, (4, 4)),
}
LABELS = np.eye(3, dtype=np.float32)[np.arange(8) % 3]


def test_the_projection_is_an_inner_product_of_embedding_and_features():
  """It is linear in the label; without it what is told is left."""
  model, x = BIGGAN["discriminator"], ROWS["x"]
  variables = model.init(KEY, x, LABELS)
  apply = jax.jit(lambda labels: model.apply(variables, x, labels))
  unlabeled, labeled = apply(0 * LABELS), apply(LABELS)
  assert np.abs(labeled - unlabeled).max() > 1e-3
  mixed = apply(0.3 * LABELS + 0.7 * LABELS[::-1])
  expected = 0.3 * labeled + 0.7 * apply(LABELS[::-1])
  np.testing.assert_allclose(mixed, expected, rtol=1e-4, atol=1e-5)
  params = dict(variables["params"])
  del params["embedding"]
  plain = BigganDiscriminator(3, (4, 4), conditional=False).apply(
    {**variables, "params": params}, x
  )
  np.testing.assert_allclose(plain, unlabeled, rtol=1e-5, atol=1e-6)


def test_a_class_conditional_pair_trains_all_its_parameters():
  optimizers = dict.fromkeys(PLAYERS, optax.adam(1e-3))
  task = gan(BIGGAN, optimizers, latent_size=4)
  rows = {**ROWS, "y": jnp.arange(8) % 3}
  start = state = jax.jit(task.init)(KEY, rows)
  step = parallel.simulate_step(task.step, 1)
  for _ in range(2):  # attention begins with its gamma alone
    state, _ = step(state, (), rows, KEY)
  still = [
    jax.tree_util.keystr(path)
    for path, same in jax.tree_util.tree_leaves_with_path(
      jax.tree.map(np.array_equal, start.params, state.params)
    )
    if same
  ]
  assert not still
  generator = task.deployed(state)
  z = generator.latents(KEY, 1)
  images = generator.of_classes(jnp.repeat(z, 3, axis=0), jnp.arange(3))
  assert len(np.unique(images, axis=0)) == 3
  assert (images >= 0).all()
  assert (images <= 1).all()
  with pytest.raises(ValueError, match="models that take labels, and data wit"):
    jax.eval_shape(task.init, KEY, ROWS)
  with pytest.raises(ValueError, match=r"'generator': 3.*the same for both"):
    gan(
      {**BIGGAN, "discriminator": DcganDiscriminator((4,))},
      optimizers,
      latent_size=4,
    )


@pytest.mark.parametrize(("depth", "pixels"), [(2, 16), (3, 34), (4, 70)])
def test_an_output_of_the_patch_discriminator_sees_a_patch(depth, pixels):
  """Of 16, 34 and 70 pixels, as published."""
  model = PatchDiscriminator(widths=(2,) * depth, norm="none")
  x = jnp.asarray(RNG.random((1, 96, 96, 1)), jnp.float32)
  variables = model.init(KEY, x)
  middle = lambda x: model.apply(variables, x)[0, 4, 4]
  slope = np.asarray(jax.jit(jax.grad(middle))(x))[0, ..., 0]
  seen = np.argwhere(slope)
  assert (np.ptp(seen, axis=0) + 1).tolist() == [pixels, pixels]


def test_dropout_is_the_noise_of_a_u_net_and_comes_with_a_key():
  model = UnetGenerator((8, 8, 3), widths=(4, 4), num_dropouts=1)
  x = jnp.asarray(RNG.random((2, 8, 8, 1)), jnp.float32)
  variables = model.init(KEY, x)

  @jax.jit
  def drawn(seed):
    return model.apply(variables, x, rngs={"dropout": jax.random.key(seed)})

  np.testing.assert_array_equal(drawn(1), drawn(1))
  assert not np.allclose(drawn(1), drawn(2), atol=1e-6)
  plain = model.apply(variables, x)
  assert not np.allclose(drawn(1), plain, atol=1e-6)
  np.testing.assert_array_equal(model.apply(variables, x), plain)


def test_images_of_another_size_than_the_target_are_refused():
  with pytest.raises(ValueError, match=r"\(8, 8, 1\) for a target of .*16"):
    shape_of(UnetGenerator((16, 16, 1)), jnp.ones((1, 8, 8, 1)))
  with pytest.raises(ValueError, match="12 x 12 pixels: expected multiples of"):
    shape_of(UnetGenerator((12, 12, 1)), jnp.ones((1, 12, 12, 1)))
