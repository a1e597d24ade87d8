"""Minimal-norm attacks on affine models: optimal, traced, undisturbed."""

import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from tests.unit.minimal_norm_cases import (
  _NORMS,
  ATTACKS,
  BOUND,
  FOUND,
  KEY,
  compiled,
  each,
  nearest_error,
  problem,
  victim,
)


def test_every_attack_that_looks_for_the_nearest_point_is_held_to_the_law():
  assert set(FOUND) == set(_NORMS)


def _is_near(x_adv, x, weights, labels, norm):
  """Misclassified, in the box, and no farther than the law says."""
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1
  assert (victim(weights)(x_adv).argmax(axis=1) != labels).all()
  found = minimal.distance(x_adv - x, norm)
  ratios = [
    found[i] / nearest_error(weights, x[i], labels[i], norm) for i in range(5)
  ]
  # What float32 makes of a sum of hundreds is 1e-5 off at most.
  assert min(ratios) >= 1 - 1e-4
  assert max(ratios) <= BOUND, ratios
  np.testing.assert_array_equal(x_adv[5], x[5])


@each
def test_as_near_as_the_nearest_point_of_the_boundary(name):
  weights, x, labels = problem()
  x_adv = compiled(name)[0](KEY, victim(weights), x, labels)
  _is_near(x_adv, x, weights, labels, ATTACKS[name][1])


@each
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_the_scale_of_the_logits_does_not_matter(name, scale):
  weights, x, labels = problem()
  x_adv = compiled(name)[0](KEY, victim(scale * weights), x, labels)
  _is_near(x_adv, x, weights, labels, ATTACKS[name][1])


@each
@pytest.mark.parametrize("offset", [1e3, 1e5])
def test_an_offset_of_the_logits_does_not_matter(name, offset):
  # Float32 holds a logit of 1e5 to 0.008: the gaps are made thousands of that.
  weights, x, labels = problem()
  x_adv = compiled(name)[0](KEY, victim(100 * weights, offset), x, labels)
  _is_near(x_adv, x, weights, labels, ATTACKS[name][1])


@each
def test_what_is_traced_does_not_recompile_and_nothing_can_break_it(name):
  weights, x, labels = problem()
  run, traces = compiled(name)
  healthy = run(KEY, victim(weights), x, labels)
  num_traces = len(traces)
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
  # A solver that goes on until all examples are done may round differently.
  np.testing.assert_allclose(poisoned[others], healthy[others], atol=1e-6)
  assert len(traces) == num_traces
