"""Minimal-norm attacks on affine models: targets, and batches of one."""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.attacks import minimal
from tests.unit.minimal_norm_cases import (
  ATTACKS,
  KEY,
  SIZE,
  compiled,
  each,
  halfspace_distance,
  problem,
  victim,
)


@each
def test_a_target_is_reached_and_no_nearer_than_it_can_be(name):
  weights, x, labels = problem()
  logits = victim(weights)(x)
  wanted = jnp.argsort(logits, axis=1)[:, -2].at[0].set(labels[0])
  x_adv = compiled(name, True)[0](KEY, victim(weights), x, wanted)
  assert (victim(weights)(x_adv).argmax(axis=1) == wanted).all()
  np.testing.assert_array_equal(x_adv[0], x[0])
  norm = ATTACKS[name][1]
  found = minimal.distance(x_adv - x, norm)
  for i in range(1, 6):
    rival, target = logits[i].argmax(), wanted[i]
    optimum = halfspace_distance(
      np.asarray(x[i]).ravel(),
      weights[:, target] - weights[:, rival],
      logits[i, rival] - logits[i, target],
      norm,
    )
    assert found[i] >= optimum * (1 - 1e-5)


@each
def test_alone_and_as_a_vector_it_is_the_same(name):
  weights, x, labels = problem()
  together = compiled(name)[0](KEY, victim(weights), x, labels)
  alone = jax.jit(ATTACKS[name][0](False))(
    KEY, victim(weights, size=1), x[2:3].reshape(1, SIZE), labels[2:3]
  )
  norm = ATTACKS[name][1]
  # Sums are taken in another order, and hundreds of steps amplify that.
  np.testing.assert_allclose(
    minimal.distance(alone - x[2:3].reshape(1, SIZE), norm)[0],
    minimal.distance(together - x, norm)[2],
    rtol=5e-3,
  )
