"""Random search and worst-of-k: the best of the draws, and which they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, checks, losses
from robust_jax import perturbations as sets
from robust_jax.attacks.cost import count_model_calls
from robust_jax.search.random_search import random_search
from robust_jax.types import PerturbationSet

KEY = jax.random.key(0)
X = jnp.zeros((2000, 1))
WEIGHTS = jax.random.normal(jax.random.key(1), (16, 3))


def line() -> PerturbationSet:
  """x may move by up to 1; without a box, so that the optimum is known."""
  return PerturbationSet(
    zero=jnp.zeros_like,
    sample=lambda key, x: jax.random.uniform(key, x.shape, minval=-1.0),
    project=lambda x, delta: jnp.clip(delta, -1, 1),
    linear_maximizer=lambda x, grad: jnp.sign(grad),
    apply=jnp.add,
    check=checks.activations,
  )


def linear(x):
  return x.reshape(len(x), -1) @ WEIGHTS


def test_the_best_of_n_draws_is_as_large_as_theory_says():
  # The largest of n uniform draws on [-1, 1] is (n - 1) / (n + 1) in the mean,
  # with a deviation below 2 / n; the clean point, 0, hardly ever wins.
  for n in (1, 4, 20):
    best = random_search(
      KEY, lambda x: x[:, 0], line(), X, num_samples=n, clean=False
    )
    error = abs(best.value.mean() - (n - 1) / (n + 1))
    assert error < 5 * 2 / n / np.sqrt(len(X)) + 1e-6


def test_the_clean_point_is_a_candidate_unless_declined():
  uphill = lambda x: -jnp.abs(x[:, 0])  # nothing beats the clean point
  honest = random_search(KEY, uphill, line(), X, num_samples=3)
  np.testing.assert_array_equal(honest.delta, 0)
  drawn = random_search(KEY, uphill, line(), X, num_samples=3, clean=False)
  assert jnp.all(drawn.value < 0)


def test_draws_are_independent_between_examples():
  delta = random_search(
    KEY, lambda x: x[:, 0], line(), X, num_samples=1, clean=False
  ).delta
  assert len(np.unique(delta)) > 0.99 * len(X)


def test_finds_the_highest_of_many_waves():
  found = random_search(KEY, lambda x: jnp.sin(9 * x[:, 0]), line(), X[:50])
  assert jnp.all(found.value > 0.8)  # of 100 draws, a fifth is that high


def test_nan_never_wins():
  def ill(x):
    return jnp.where(x[:, 0] > 0, jnp.nan, x[:, 0])

  for clean in (True, False):
    found = random_search(KEY, ill, line(), X, num_samples=30, clean=clean)
    assert jnp.all(jnp.isfinite(found.value))


def test_no_draw_is_refused():
  with pytest.raises(ValueError, match="num_samples = 0: expected a whole"):
    random_search(KEY, lambda x: x[:, 0], line(), X, num_samples=0)
  with pytest.raises(ValueError, match="k = 0: expected a whole number"):
    attacks.worst_of_k(line(), k=0)


def test_worst_of_one_is_augmentation_at_no_pass():
  x, y = jax.random.uniform(KEY, (5, 4, 4, 1)), jnp.zeros(5, int)
  pset = sets.affine()
  augment = attacks.worst_of_k(pset, k=1)
  assert count_model_calls(augment, linear, x, y) == (0, 0)
  assert count_model_calls(attacks.worst_of_k(pset), linear, x, y) == (10, 0)
  key = jax.random.split(KEY, 1)[0]  # of the first draw
  np.testing.assert_array_equal(
    jax.jit(augment, static_argnums=1)(KEY, linear, x, y),
    jax.jit(pset.apply)(x, pset.sample(key, x)),
  )


def test_a_draw_that_fools_is_worse_than_any_that_does_not():
  # Three classes whose cross-entropy is larger where all are as likely, and
  # class 0 is still answered, than just beyond the edge of class 0.
  def model(x):
    t = x[:, 0]
    fooled = jnp.stack([0 * t, 0 * t + 0.1, 0 * t - 9], 1)
    right = jnp.stack([0 * t + 1e-3, 0 * t, 0 * t], 1)
    return jnp.where((t > 0.9)[:, None], fooled, right)

  x, y = jnp.full((300, 1), 0.5), jnp.zeros(300, int)
  assert (
    losses.cross_entropy(model(x), y)[0]
    > losses.cross_entropy(model(x + 0.45), y)[0]
  )
  half = line()._replace(
    sample=lambda key, x: 0.5 * line().sample(key, x),
    project=lambda x, delta: jnp.clip(delta, -0.5, 0.5),
  )
  x_adv = attacks.worst_of_k(half, k=100)(KEY, model, x, y)
  # A draw fools with probability 0.1; 100 miss with 3e-5.
  assert jnp.all(x_adv > 0.9)
