"""Minimal-norm attacks on affine models: optimal, traced, undisturbed."""

import jax.numpy as jnp
import numpy as np

from robust_jax.attacks import minimal
from tests.unit.minimal_norm_cases import (
  ATTACKS,
  INF,
  KEY,
  compiled,
  each,
  nearest_error,
  problem,
  victim,
)


@each
def test_as_near_as_the_optimum_in_the_box(name):
  weights, x, labels = problem()
  _, norm, factor = ATTACKS[name]
  x_adv = compiled(name)[0](KEY, victim(weights), x, labels)
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1
  assert (victim(weights)(x_adv).argmax(axis=1) != labels).all()
  found = minimal.distance(x_adv - x, norm)
  for i in range(5):
    optimum = nearest_error(weights, x[i], labels[i], norm)
    # What float32 makes of a sum of twenty is 1e-5 off at most. CW in Linf and
    # the bisection have a resolution.
    floor = 1 / 256 if norm == INF else 0
    assert optimum * (1 - 1e-5) <= found[i] <= optimum * factor + floor
  np.testing.assert_array_equal(x_adv[5], x[5])


@each
def test_what_is_traced_does_not_recompile_and_nothing_can_break_it(name):
  weights, x, labels = problem()
  run, traces = compiled(name)
  healthy = run(KEY, victim(weights), x, labels)
  assert len(traces) == 1
  # Other parameters, other labels.
  run(KEY, victim(-weights), x, jnp.roll(labels, 1))
  # All logits equal: class 0 is answered, and no gradient leads anywhere.
  for label in (0, 1):
    still = run(KEY, victim(0 * weights), x, jnp.full(6, label, jnp.int32))
    np.testing.assert_array_equal(still, x)
  # NaN is no success, and stays with its example.
  poisoned = run(
    KEY, victim(weights, jnp.zeros(6).at[2].set(jnp.nan)), x, labels
  )
  np.testing.assert_array_equal(poisoned[2], x[2])
  others = jnp.array([0, 1, 3, 4, 5])
  np.testing.assert_array_equal(poisoned[others], healthy[others])
  assert len(traces) == 1
