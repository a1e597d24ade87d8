"""Closed forms of adversarial losses and penalties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from robust_jax import adversarial_losses as losses
from robust_jax.adversarial_losses import penalties

RNG = np.random.default_rng(0)
# Two distributions on seven points, and outputs of a discriminator there.
P, Q = RNG.dirichlet(np.ones(7), 2)
OUTPUTS = np.float32([-3, -1, 0, 0.5, 2, 4, -0.25])


def expected_loss(loss, outputs, p=P, q=Q):
  """The discriminator's, over independent pairs of a real and a fake point."""
  real, fake = (grid.ravel() for grid in np.meshgrid(outputs, outputs))
  each = loss.discriminator(np.float32(real), np.float32(fake))
  return np.vdot(np.outer(q, p).ravel(), each)


@pytest.mark.parametrize(
  ("loss", "discriminator", "generator"),
  [
    # At D(x) = 2 and D(G(z)) = -1, by hand.
    (losses.minimax(), np.log1p(np.exp(-2)) + np.log1p(np.exp(-1)), -0.313262),
    (losses.non_saturating(), 0.126928 + 0.313262, 1.313262),
    (losses.least_squares(), 0.5 + 0.5, 2.0),
    (losses.hinge(), 0.0, 1.0),
    (losses.wasserstein(), -3.0, 1.0),
    (losses.relativistic(), 0.048587, 3.048587),
    # The label of real examples is 0.75, that of fake ones stays 0.
    (losses.non_saturating(0.25), 0.126928 + 0.5 + 0.313262, 1.313262),
    (losses.least_squares(0.25), 0.78125 + 0.5, 2.0),
  ],
)
def test_values_by_hand(loss, discriminator, generator):
  at = jnp.array([2.0]), jnp.array([-1.0])
  np.testing.assert_allclose(loss.discriminator(*at), discriminator, rtol=1e-5)
  np.testing.assert_allclose(loss.generator(*at), generator, rtol=1e-5)


def _log_ratio(smoothing=0.0):
  real = 1 - smoothing
  return np.log(real * P) - np.log(smoothing * P + Q)


OPTIMA = {  # the best discriminator of P and Q, and its loss
  "minimax": (
    losses.minimax(),
    _log_ratio(),
    -np.sum(P * np.log(P / (P + Q)) + Q * np.log(Q / (P + Q))),
  ),
  "non_saturating": (losses.non_saturating(0.1), _log_ratio(0.1), None),
  "least_squares": (
    losses.least_squares(),
    P / (P + Q),
    np.sum(P * Q / (P + Q)) / 2,
  ),
  "hinge": (losses.hinge(), np.sign(P - Q), 2 * np.minimum(P, Q).sum()),
  "relativistic": (losses.relativistic(), _log_ratio() + 5, None),
}


@pytest.mark.parametrize("name", OPTIMA)
def test_the_best_discriminator_of_two_known_distributions(name):
  loss, best, value = OPTIMA[name]
  least = expected_loss(loss, best)
  if value is not None:
    assert least == pytest.approx(value, rel=1e-5)
  for size in (0.01, 0.1, 1.0):
    for _ in range(5):
      other = best + size * RNG.normal(size=7)
      assert expected_loss(loss, other) > least - 1e-6


def test_equal_distributions_leave_a_wasserstein_critic_nothing():
  loss = losses.wasserstein()
  assert expected_loss(loss, OUTPUTS, P, P) == pytest.approx(0, abs=1e-6)
  assert expected_loss(loss, OUTPUTS) == pytest.approx(
    np.vdot(Q - P, OUTPUTS), rel=1e-5
  )


def test_saturating_and_non_saturating_slopes_differ_by_a_known_ratio():
  slope = lambda loss: jax.grad(lambda f: loss.generator(0 * f, f).sum())(
    jnp.asarray(OUTPUTS)
  )
  p = expit(OUTPUTS)
  saturating, other = slope(losses.minimax()), slope(losses.non_saturating())
  np.testing.assert_allclose(saturating, -p, rtol=1e-5)
  np.testing.assert_allclose(other, saturating * (1 - p) / p, rtol=1e-4)


def test_labels_are_smoothed_by_a_fraction():
  with pytest.raises(ValueError, match=r"smoothing = 1\.5"):
    losses.minimax(smoothing=1.5)


def test_penalties_of_a_linear_discriminator_know_its_weights_alone():
  w = RNG.normal(size=(4, 4, 1)).astype(np.float32)
  real, fake = RNG.random((2, 5, 4, 4, 1), np.float32)
  linear = lambda x: jnp.sum(w * x, axis=(1, 2, 3)) + 3
  key, step, norm = jax.random.key(0), jnp.int32(0), np.linalg.norm(w)
  for penalty, expected in (
    (penalties.r1(4.0), 2 * norm**2),
    (penalties.r2(4.0), 2 * norm**2),
    (penalties.gradient_penalty(10.0), 10 * (norm - 1) ** 2),
  ):
    each = penalty(linear, real, fake, key, step)
    np.testing.assert_allclose(each, expected, rtol=1e-5)


def test_each_penalty_looks_at_its_own_examples():
  """D is |x|^2 / 2, whose gradient is x."""
  real, fake = RNG.random((2, 5, 6), np.float32) + np.float32([[[0]], [[9]]])
  args = lambda x: jnp.sum(x**2, axis=1) / 2, real, fake, jax.random.key(0), 0
  squared = lambda x: np.sum(x**2, axis=1)
  np.testing.assert_allclose(penalties.r1(2.0)(*args), squared(real), rtol=1e-5)
  np.testing.assert_allclose(penalties.r2(2.0)(*args), squared(fake), rtol=1e-5)
  between = 1 + np.sqrt(penalties.gradient_penalty(1.0)(*args))
  assert np.all(np.linalg.norm(real, axis=1) < between)
  assert np.all(between < np.linalg.norm(fake, axis=1))
  assert np.ptp(between) > 1  # not one point for all
