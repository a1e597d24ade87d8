"""Input transformations: what they compute, and that attacks see through."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from robust_jax import attacks, defenses, losses, search
from robust_jax import perturbations as sets
from robust_jax.corruptions import jpeg_compression
from robust_jax.defenses.bpda import bpda
from tests.unit.trained_digits import accuracy, digits, mlp

X = jax.random.uniform(jax.random.key(0), (3, 9, 12, 3))
image = lambda x: x  # a model whose logits are what it is shown
KEY = jax.random.key(1)


def seen(defense, *args, x=X, **options):
  return np.asarray(jax.jit(defense(image, *args, **options))(x))


def test_bits_are_levels():
  for bits, levels in ((1, 2), (3, 8), (8, 256)):
    found = seen(defenses.bit_depth, bits)
    assert len(np.unique(found)) <= levels
    assert np.abs(found - X).max() <= 0.5 / (levels - 1) + 1e-6
  stored = jnp.round(X * 255) / 255
  np.testing.assert_array_equal(seen(defenses.bit_depth, 8, x=stored), stored)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_median_is_that_of_scipy(size):
  expected = scipy.ndimage.median_filter(X, (1, size, size, 1), mode="reflect")
  found = seen(defenses.median_smoothing, size)
  np.testing.assert_array_equal(found, expected)


def test_the_blur_is_that_of_scipy():
  expected = scipy.ndimage.gaussian_filter(
    X, (0, 1.3, 1.3, 0), mode="reflect", truncate=4.0
  )
  found = seen(defenses.gaussian_smoothing, 1.3)
  np.testing.assert_allclose(found, expected, atol=1e-6)


def test_jpeg_is_the_corruption_of_its_quality():
  x = jax.random.uniform(KEY, (2, 32, 32, 3))
  expected = jpeg_compression(jax.random.split(KEY, 2), x, 5)
  np.testing.assert_array_equal(seen(defenses.jpeg, 40, x=x), expected)


@pytest.mark.parametrize("name", ["bit_depth", "jpeg"])
def test_the_derivative_is_that_of_the_identity(name):
  model = getattr(defenses, name)(image)
  tangent = jax.random.normal(KEY, X.shape)

  @jax.jit
  def both(x, tangent):
    value, pull = jax.vjp(model, x)
    return value, pull(tangent)[0], jax.jvp(model, (x,), (tangent,))[1]

  value, backward, forward = both(X, tangent)
  np.testing.assert_array_equal(value, jax.jit(model)(X))
  np.testing.assert_array_equal(backward, tangent)
  np.testing.assert_array_equal(forward, tangent)


def test_a_surrogate_gives_its_derivative_and_no_more():
  x = jnp.array([0.2, 0.7])
  value, tangent = jax.jvp(bpda(jnp.round, jnp.square), (x,), (x,))
  np.testing.assert_array_equal(value, [0, 1])
  np.testing.assert_allclose(tangent, 2 * x**2)


def bright(x):
  """Quadratic, so that its derivative depends on the draw."""
  return (x**2).sum((1, 2))


def test_random_draws_are_of_the_image_and_its_derivative_of_others():
  noisy = lambda key, x: x + 0.3 * jax.random.normal(key, x.shape)
  random = functools.partial(defenses.random_transformation, image, noisy)
  model = jax.jit(random())
  first = model(X)
  np.testing.assert_array_equal(model(X), first)
  np.testing.assert_array_equal(model(X[1:])[0], first[1])
  moved = X.at[1, 0, 0, 0].add(1e-3)
  assert np.array_equal(model(moved)[0], first[0])
  assert (np.abs(model(moved) - first)[1] > 1e-3).mean() > 0.9
  assert not np.array_equal(jax.jit(random(seed=1))(X), first)

  def derivative(num_draws):
    model = defenses.random_transformation(bright, noisy, num_draws=num_draws)
    return jax.jit(jax.grad(lambda x: model(x).sum()))(X)

  # d/dx (x + 0.3 n)^2 = 2 x + 0.6 n.
  spread = [np.std(derivative(n) - 2 * X) for n in (1, 64)]
  np.testing.assert_allclose(spread, [0.6, 0.6 / 8], rtol=0.1)


@pytest.fixture(scope="module")
def model():
  return mlp(jax.random.key(0))


def attacked(logits_fn, attack):
  x, y = digits("test")
  return accuracy(logits_fn, attack(KEY, logits_fn, x, y), y)


PGD = attacks.compose(
  search.pgd, sets.linf(0.15), losses.cross_entropy, num_steps=20
)


def naive_pgd(key, logits_fn, x, y):
  """As a user writes it who trusts the derivative: only signs of gradients."""
  del key
  loss = lambda x: losses.cross_entropy(logits_fn(x), y).sum()

  def step(_, x_adv):
    x_adv = x_adv + 0.03 * jnp.sign(jax.grad(loss)(x_adv))
    return jnp.clip(jnp.clip(x_adv, x - 0.15, x + 0.15), 0, 1)

  return jax.lax.fori_loop(0, 20, step, x)


def test_bit_depth_is_no_defense_once_its_gradient_is_known(model):
  """Zero gradients look like robustness; BPDA shows that there is none."""
  masked = lambda x: model(jnp.round(x * 7) / 7)
  ours = defenses.bit_depth(model, 3)
  x, y = digits("test")
  clean, bare = accuracy(ours, x, y), attacked(model, naive_pgd)
  assert clean > 0.9
  assert bare < 0.1
  assert attacked(masked, naive_pgd) == clean == accuracy(masked, x, y)
  assert attacked(ours, naive_pgd) < bare + 0.1
  assert attacked(ours, PGD) < bare + 0.1


DEFENSES = {
  "jpeg": {"quality": 60},
  "median_smoothing": {"size": 2},
  "gaussian_smoothing": {"sigma": 0.6},
  "random_transformation": {
    "augmentation": lambda key, x: x + 0.1 * jax.random.normal(key, x.shape),
    "num_draws": 4,
  },
}


@pytest.mark.parametrize("name", DEFENSES)
def test_an_attack_on_the_wrapper_breaks_it(name, model):
  """The model's clean accuracy suffers; its robustness does not grow."""
  defended = getattr(defenses, name)(model, **DEFENSES[name])
  assert attacked(defended, PGD) < attacked(model, PGD) + 0.15


def test_auto_pgd_on_the_logit_ratio_breaks_bit_depth(model):
  """The strongest part of AutoAttack takes a wrapper as it takes a model."""
  apgd = attacks.compose(search.apgd, sets.linf(0.15), losses.dlr, num_steps=10)
  assert attacked(defenses.bit_depth(model, 3), apgd) < 0.1


@pytest.mark.parametrize(
  ("defense", "options", "message"),
  [
    (defenses.bit_depth, {"bits": 0}, "bits = 0: expected"),
    (defenses.bit_depth, {"bits": 9}, "bits = 9: expected 8 or less"),
    (defenses.jpeg, {"quality": 101}, "quality = 101: expected 100"),
    (defenses.gaussian_smoothing, {"sigma": 0.0}, "sigma = 0.0: expected"),
  ],
)
def test_options_out_of_range_are_refused(defense, options, message):
  with pytest.raises(ValueError, match=message):
    defense(image, **options)
