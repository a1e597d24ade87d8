"""Minimal-norm attacks on affine models: targets, and batches of one."""

import jax.numpy as jnp
import numpy as np

from robust_jax import attacks
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from tests.unit.minimal_norm_cases import (
  ATTACKS,
  BOUND,
  KEY,
  compiled,
  each,
  nearest_error,
  nearest_target,
  problem,
  victim,
)


@each
def test_a_target_is_reached_where_it_is_nearest(name):
  weights, x, labels = problem((4, 6), 8)
  logits = victim(weights, size=8)(x)
  expected = jnp.argsort(logits, axis=1)[:, -2].at[0].set(labels[0])
  x_adv = compiled(name, True)[0](KEY, victim(weights, size=8), x, expected)
  assert (victim(weights, size=8)(x_adv).argmax(axis=1) == expected).all()
  np.testing.assert_array_equal(x_adv[0], x[0])
  norm = ATTACKS[name][1]
  found = minimal.distance(x_adv - x, norm)
  known = 0
  for i in range(1, 8):
    optimum, is_exact = nearest_target(weights, x[i], int(expected[i]), norm)
    assert found[i] >= optimum * (1 - 1e-4)
    if is_exact:
      assert found[i] <= BOUND * optimum, i
    known += is_exact
  assert known >= 3


@each
def test_a_single_vector_is_as_near(name):
  weights, x, labels = problem((8,), 1)
  x_adv = compiled(name)[0](KEY, victim(weights, size=1), x, labels)
  assert victim(weights, size=1)(x_adv).argmax(axis=1) != labels
  norm = ATTACKS[name][1]
  optimum = nearest_error(weights, x[0], labels[0], norm)
  assert minimal.distance(x_adv - x, norm)[0] <= BOUND * optimum


def test_slopes_at_the_image_alone_do_not_hide_a_nearer_class():
  """Class 2 is the farther one, but its logit jumps by 0.02 at the image."""

  def model(x):
    d = x - 0.5
    jump = 0.02 * jnp.tanh(d[:, 1] / 1e-3)
    z = [0 * d[:, 0], d[:, 0] - 0.3, d[:, 1] - 0.48 + jump]
    return jnp.stack(z, axis=1)

  x, labels = jnp.full((4, 16), 0.5), jnp.zeros(4, int)
  x_adv = attacks.fmn("l2", restarts=4)(KEY, model, x, labels)
  assert (minimal.distance(x_adv - x, "l2") <= BOUND * 0.3).all()
