"""Input diversity, and the attack that uses it."""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import attacks, losses, search
from robust_jax import perturbations as sets
from robust_jax.models.surrogates import input_diversity

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (4, 12, 12, 1))
Y = jnp.array([0, 1, 2, 0])
W1 = jax.random.normal(jax.random.key(2), (2, 144, 3))[0]


def linear(weights, x):
  return x.reshape(len(x), -1) @ weights


FIRST = jax.tree_util.Partial(linear, W1)


def identity(x):
  return x.reshape(len(x), -1)


def test_diversity_of_probability_zero_and_of_no_shrinking_change_nothing():
  np.testing.assert_array_equal(
    input_diversity(KEY, identity, 0.0)(X), identity(X)
  )
  np.testing.assert_allclose(
    input_diversity(KEY, identity, 1.0, smallest=1.0)(X), identity(X), atol=1e-6
  )


def test_shrinking_keeps_the_mean_times_the_area():
  # One image of a bright square on black: its mass shrinks with its area.
  x = jnp.zeros((64, 24, 24, 1)).at[:, 6:18, 6:18].set(1.0)
  x = (
    x + 1e-6 * jnp.arange(64.0)[:, None, None, None]
  )  # other bits, other draws
  mass = input_diversity(KEY, identity, 1.0, smallest=0.5)(x).sum(axis=1) / 144
  assert mass.min() < 0.35
  assert mass.max() > 0.85
  # Interpolation smears the edges of 6 to 12 pixels by less than this.
  assert (mass > 0.25 - 0.05).all()
  assert (mass < 1.05).all()


def test_draws_belong_to_the_image_and_the_key():
  model = input_diversity(KEY, identity, 1.0, smallest=0.5)
  order = jnp.array([2, 0, 3, 1])
  np.testing.assert_array_equal(model(X[order]), model(X)[order])
  moved = jnp.clip(X + 1e-6, 0, 1)
  assert jnp.abs(model(moved) - model(X)).max() > 0.1
  other = input_diversity(jax.random.key(9), identity, 1.0, smallest=0.5)
  assert jnp.abs(other(X) - model(X)).max() > 0.1


def test_gradients_pass_through_diversity():
  model = input_diversity(KEY, FIRST, 1.0, smallest=0.5)
  grad = jax.grad(lambda x: losses.margin(model(x), Y).sum())(X)
  assert jnp.isfinite(grad).all()
  assert (jnp.abs(grad).max(axis=(1, 2, 3)) > 0).all()


def test_without_diversity_it_is_momentum_pgd():
  expected = attacks.compose(
    search.pgd,
    sets.linf(0.1),
    losses.cross_entropy,
    num_steps=5,
    step_size=0.2,
    momentum=1.0,
    random_start=False,
    keep="last",
  )(KEY, FIRST, X, Y)
  x_adv = attacks.di_fgsm(0.1, num_steps=5, diversity=0.0)(KEY, FIRST, X, Y)
  np.testing.assert_array_equal(x_adv, expected)


def test_with_it_images_stay_in_the_ball_and_fool_the_surrogate():
  eps = 0.2
  x_adv = jax.jit(attacks.di_fgsm(eps))(KEY, FIRST, X, Y)
  assert jnp.abs(x_adv - X).max() <= eps + 1e-6
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1
  gain = losses.cross_entropy(FIRST(x_adv), Y) - losses.cross_entropy(
    FIRST(X), Y
  )
  assert (gain > 0).all()


def test_one_step_on_an_affine_model_is_the_optimum():
  # Between two classes, far from the box, it is eps sign(w_1 - w_0).
  two, x = W1[:, :2], 0.4 + 0.2 * X
  model = jax.tree_util.Partial(linear, two)
  attack = attacks.di_fgsm(0.1, num_steps=1, diversity=0.0)
  x_adv = attack(KEY, model, x, jnp.zeros(4, int))
  sign = jnp.sign(two[:, 1] - two[:, 0]).reshape(12, 12, 1)
  np.testing.assert_allclose(
    x_adv - x, jnp.broadcast_to(0.1 * sign, x.shape), atol=1e-6
  )
