"""FAB finds the nearest point of a linear boundary."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, tree
from robust_jax.attacks.minimal_norm.fab import class_of_rank, fab

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(3), (6, 4, 4, 1), minval=0.3, maxval=0.7)
W = jax.random.normal(jax.random.key(1), (16, 3))
DUAL = {"linf": 1, "l2": 2, "l1": jnp.inf}


def linear(x):
  return (x.reshape(len(x), -1) - 0.5) @ W


Y = linear(X).argmax(axis=1)


def nearest(norm):
  """Distance to the nearest boundary, the box apart."""
  logits = linear(X)
  own = jnp.take_along_axis(logits, Y[:, None], 1)
  slope = jnp.linalg.norm(W[:, :, None] - W[:, None], DUAL[norm], axis=0)[
    :, Y
  ].T
  distance = (own - logits) / jnp.where(slope > 0, slope, 1)
  return jnp.where(jax.nn.one_hot(Y, 3) > 0, jnp.inf, distance).min(axis=1)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("num_targets", [0, 2])
def test_the_distance_is_that_of_the_nearest_boundary(norm, num_targets):
  attack = jax.jit(fab(norm, num_steps=30, num_targets=num_targets))
  x_adv = attack(KEY, jax.tree_util.Partial(linear), X, Y)
  assert jnp.all(linear(x_adv).argmax(axis=1) != Y)
  length = tree.norm(x_adv - X, norm)
  # An overshoot of 1.05 is what a boundary is crossed by, and 0.1 of the way
  # from the original's projection at most is added to it.
  assert jnp.all(length <= 1.06 * nearest(norm))
  assert jnp.all(length >= nearest(norm) * (1 - 1e-4))


def test_results_beyond_the_radius_are_discarded_example_by_example():
  radius = jnp.median(nearest("l2"))
  x_adv = fab("l2", eps=radius, num_steps=20)(KEY, linear, X, Y)
  length = tree.norm(x_adv - X, "l2")
  assert jnp.all(length <= radius)
  assert jnp.any(length == 0)
  assert jnp.any(length > 0)


def test_the_rank_of_a_class_counts_from_the_answer():
  logits = jnp.array([[0.1, 3.0, -1.0, 2.0]])
  ranks = [int(class_of_rank(logits, r)[0]) for r in range(4)]
  assert ranks == [1, 3, 0, 2]


def test_bad_options_are_refused():
  with pytest.raises(ValueError, match="norm = 'l3': expected"):
    fab("l3")
  with pytest.raises(ValueError, match="restarts need a finite eps"):
    fab("l2", restarts=2)
  with pytest.raises(ValueError, match="num_steps = 0"):
    attacks.fab("l2", num_steps=0)


def test_random_starts_stay_within_half_of_the_radius_and_never_hurt():
  one, three = (
    fab("linf", eps=0.3, num_steps=10, num_targets=1, restarts=n)
    for n in (1, 3)
  )
  lengths = [tree.norm(a(KEY, linear, X, Y) - X, "linf") for a in (one, three)]
  fooled = lengths[0] > 0
  assert jnp.all(lengths[1][fooled] <= lengths[0][fooled] + 1e-7)


@pytest.mark.parametrize("num_targets", [0, 9])
@pytest.mark.parametrize("excluded", [-jnp.inf, jnp.finfo(jnp.float32).min])
def test_a_class_that_is_excluded_changes_nothing(num_targets, excluded):
  def model(x):
    return jnp.pad(linear(x), ((0, 0), (0, 1)), constant_values=excluded)

  attack = jax.jit(fab("l2", num_steps=20, num_targets=num_targets))
  found = attack(KEY, jax.tree_util.Partial(model), X, Y)
  expected = attack(KEY, jax.tree_util.Partial(linear), X, Y)
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_zero_gradient_leaves_the_original():
  def flat(x):
    return jnp.zeros((len(x), 3)).at[:, 0].set(1.0) + 0 * x.sum()

  x_adv = fab("linf", num_steps=5)(KEY, flat, X, jnp.zeros(6, int))
  np.testing.assert_array_equal(x_adv, X)
