"""Laws of every adversarial loss and penalty; they are discovered."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup

LOSSES = lookup.members("adversarial_losses")
PENALTIES = lookup.members("adversarial_losses.penalties")
KEY = jax.random.key(0)
REAL, FAKE = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).random((2, 6, 3, 3, 1), np.float32)

each_loss = pytest.mark.parametrize("name", LOSSES)
each_penalty = pytest.mark.parametrize("name", PENALTIES)


def made(name):
  """The loss, with smoothed labels where it takes them."""
  make = lookup.find("adversarial_losses", name)
  takes = "smoothing" in inspect.signature(make).parameters
  return make(smoothing=0.1) if takes else make()


def slopes(loss, real, fake):
  """Derivatives of the loss of each pair in both of its outputs."""
  total = lambda real, fake: loss(real, fake).sum()
  return jax.grad(total, (0, 1))(jnp.asarray(real), jnp.asarray(fake))


@each_loss
def test_one_float32_for_each_pair_whatever_the_type_of_outputs(name):
  for loss in made(name):
    for dtype in ("float32", "bfloat16", "float16"):
      each = loss(jnp.asarray(REAL, dtype), jnp.asarray(FAKE, dtype))
      assert (each.shape, each.dtype) == ((6,), jnp.float32)


@each_loss
def test_other_pairs_change_nothing(name):
  for loss in made(name):
    np.testing.assert_array_equal(
      loss(REAL, FAKE)[:2], loss(REAL[:2], FAKE[:2])
    )


@each_loss
def test_outputs_of_other_shapes_are_refused(name):
  for loss in made(name):
    for real in (REAL[:, None], REAL[:1], REAL[0]):
      with pytest.raises(ValueError, match=r"expected one number for each"):
        loss(real, FAKE)


@each_loss
def test_the_loss_of_an_image_is_the_mean_of_those_of_its_patches(name):
  patches = lambda outputs: outputs.reshape(2, 3, 1)
  for loss in made(name):
    each = loss(patches(REAL), patches(FAKE))
    expected = loss(REAL, FAKE).reshape(2, 3).mean(axis=1)
    np.testing.assert_allclose(each, expected, rtol=1e-6)


@each_loss
def test_the_players_pull_in_opposite_directions(name):
  """At outputs of 1/2, where a discriminator is not yet sure."""
  middle = np.full(1, 0.5, np.float32)
  loss = made(name)
  of_real, of_fake = slopes(loss.discriminator, middle, middle)
  assert of_real < 0 < of_fake
  assert slopes(loss.generator, middle, middle)[1] < 0


@each_loss
def test_the_loss_of_the_discriminator_is_convex_in_its_outputs(name):
  loss = made(name).discriminator
  middle = loss((3 * REAL + 3 * FAKE) / 2, (3 * FAKE - 3 * REAL) / 2)
  ends = loss(3 * REAL, 3 * FAKE) + loss(3 * FAKE, -3 * REAL)
  assert np.all(middle <= ends / 2 + 1e-5)


@each_loss
def test_outputs_of_any_size_have_finite_losses_and_slopes(name):
  far = np.float32([-1e4, 1e4, -1e4, 1e4])
  for loss in made(name):
    args = far, far[[0, 0, 1, 1]]
    assert np.isfinite(loss(*args)).all()
    assert np.isfinite(slopes(loss, *args)).all()


@functools.cache
def applied(name, every=1, weight=1.0):
  """Jitted, of a discriminator that is cubic in its parameters and x."""
  make = lookup.find("adversarial_losses.penalties", name)
  penalty = make(weight=weight, every=every)

  @jax.jit
  def run(params, real, fake, step=0):
    cubic = lambda x: jnp.sum((params * x) ** 3, axis=(1, 2, 3))
    return penalty(cubic, real, fake, KEY, step)

  return run


PARAMS = np.random.default_rng(2).normal(size=(3, 3, 1)).astype(np.float32)


@each_penalty
def test_one_float32_for_each_example_of_its_own(name):
  """Whatever the discriminator computes in, and whatever the others are."""
  penalty = lookup.find("adversarial_losses.penalties", name)()
  for dtype in ("float32", "bfloat16"):
    x = jnp.asarray(IMAGES[0], dtype)
    low = lambda x: x.astype(jnp.bfloat16).mean((1, 2, 3))
    each = penalty(low, x, x, KEY, jnp.int32(0))
    assert (each.shape, each.dtype) == ((6,), jnp.float32)
  each = applied(name)(PARAMS, *IMAGES)
  moved = IMAGES.copy()
  moved[:, 2:] = 0.5
  np.testing.assert_array_equal(applied(name)(PARAMS, *moved)[:2], each[:2])
  assert (each > 0).all()


@each_penalty
def test_of_patches_the_mean_output_is_penalized(name):
  make = lookup.find("adversarial_losses.penalties", name)
  patches = lambda x: (PARAMS * x) ** 3
  mean = lambda x: patches(x).mean(axis=(1, 2, 3))
  np.testing.assert_allclose(
    *(make()(d, *IMAGES, KEY, jnp.int32(0)) for d in (patches, mean)), rtol=1e-5
  )


@each_penalty
def test_it_is_proportional_to_its_weight(name):
  each = applied(name)(PARAMS, *IMAGES)
  threefold = applied(name, weight=3.0)(PARAMS, *IMAGES)
  np.testing.assert_allclose(threefold, 3 * each, rtol=1e-6)


@each_penalty
def test_a_lazy_penalty_has_the_same_mean_over_steps(name):
  """So does its gradient in the parameters of the discriminator."""
  lazy, always = applied(name, every=3), applied(name)
  both = jax.value_and_grad(lambda f, *args: f(*args).mean(), argnums=1)
  expected = both(always, PARAMS, *IMAGES)
  steps = [both(lazy, PARAMS, *IMAGES, step) for step in range(6)]
  assert [float(value) > 0 for value, _ in steps] == 2 * [True, False, False]
  mean = jax.tree.map(lambda *values: sum(values) / 6, *steps)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-5), mean, expected
  )


@each_penalty
def test_a_constant_discriminator_has_a_finite_gradient(name):
  grads = jax.grad(lambda p: applied(name)(p, *IMAGES).sum())(0 * PARAMS)
  assert np.isfinite(grads).all()


@each_penalty
def test_options_that_make_no_sense_are_refused(name):
  make = lookup.find("adversarial_losses.penalties", name)
  with pytest.raises(ValueError, match="weight = -1"):
    make(weight=-1.0)
  with pytest.raises(ValueError, match="every = 0"):
    make(every=0)
