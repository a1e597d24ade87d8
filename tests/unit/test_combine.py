"""Searches made of searches, and expectation over transformation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, search, tree
from robust_jax import perturbations as sets
from robust_jax.attacks.cost import count_model_calls
from robust_jax.search.combine import best_of, restarts
from robust_jax.search.expectation_over_transformation import (
  expectation_over_transformation,
  keys_of_images,
)
from robust_jax.types import SearchResult
from tests.contract import members
from tests.contract.members import bumpy

images = functools.partial(members.images, channels=1)

KEY = jax.random.key(0)
PSET = sets.linf(0.1)
short = functools.partial(search.pgd, num_steps=4)


def start(key, objective, pset, x):
  """One random point."""
  delta = pset.sample(key, x)
  return SearchResult(delta, objective(pset.apply(x, delta)))


def test_best_of_is_the_best_of_each_for_every_example():
  x, keys = images(), jax.random.split(KEY, 2)
  both = best_of(start, search.fgsm)(KEY, bumpy, PSET, x)
  a = start(keys[0], bumpy, PSET, x)
  b = search.fgsm(keys[1], bumpy, PSET, x)
  np.testing.assert_array_equal(both.value, jnp.maximum(a.value, b.value))
  np.testing.assert_array_equal(
    both.delta, tree.where(a.value > b.value, a.delta, b.delta)
  )


def test_best_of_one_is_that_one_and_nan_never_wins():
  x = images()

  def lost(key, objective, pset, x):
    return SearchResult(pset.zero(x), jnp.full(len(x), jnp.nan))

  found = best_of(lost, search.fgsm, lost)(KEY, bumpy, PSET, x)
  alone = search.fgsm(KEY, bumpy, PSET, x)
  np.testing.assert_array_equal(found.value, alone.value)


def test_restarts_take_the_best_of_each_key():
  x = images()
  best = restarts(start, 5)(KEY, bumpy, PSET, x)
  each = [start(k, bumpy, PSET, x).value for k in jax.random.split(KEY, 5)]
  # The compiled loop may round the sum over pixels in another order.
  np.testing.assert_allclose(best.value, jnp.stack(each).max(0), rtol=1e-5)
  assert len({int(i) for i in jnp.stack(each).argmax(axis=0)}) > 1


def test_combinations_nest_and_pass_hyperparameters_on():
  nested = restarts(best_of(short, search.frank_wolfe), 2)
  attack = attacks.compose(nested, PSET, losses.margin)
  x, y = images(), jnp.zeros(6, int)

  def linear(x):
    return x.reshape(len(x), -1) @ jnp.ones((36, 3))

  assert count_model_calls(attack, linear, x, y) == (2 * (6 + 42), 2 * (4 + 40))
  hyper = attacks.compose(
    restarts(search.pgd, 2), PSET, losses.margin, num_steps=3
  )
  assert count_model_calls(hyper, linear, x, y) == (2 * 5, 2 * 3)


def test_nothing_to_combine_is_refused():
  with pytest.raises(ValueError, match="best_of\\(\\) without searches"):
    best_of()
  with pytest.raises(ValueError, match="n = 0: expected a whole number"):
    restarts(search.pgd, 0)
  with pytest.raises(ValueError, match="num_samples = 0"):
    expectation_over_transformation(search.pgd, noise, 0)


def noise(key, x, size=1.0):
  return x + size * jax.random.normal(key, x.shape)


def test_without_randomness_the_expectation_is_the_search_itself():
  x = images()
  still = expectation_over_transformation(search.fgsm, lambda key, x: x, 3)
  plain = search.fgsm(KEY, bumpy, PSET, x)
  result = still(KEY, bumpy, PSET, x)
  np.testing.assert_allclose(result.value, plain.value, rtol=1e-6)
  np.testing.assert_allclose(result.delta, plain.delta, atol=1e-7)


def test_the_expectation_of_a_quadratic_is_known():
  # E |x + sigma z|^2 = |x|^2 + d sigma^2; gradient-based steps see 2 x.
  x = images(low=0.2, high=0.8)
  found = expectation_over_transformation(
    search.fgsm, functools.partial(noise, size=0.3), 4000
  )(KEY, lambda x: jnp.sum(x**2, axis=(1, 2, 3)), PSET, x)
  at = PSET.apply(x, found.delta)
  # Standard deviation of one draw: sqrt(4 |x|^2 .09 + 2 d .0081) < 2.7.
  np.testing.assert_allclose(
    found.value, jnp.sum(at**2, axis=(1, 2, 3)) + 36 * 0.09, atol=0.22
  )
  np.testing.assert_array_equal(jnp.sign(found.delta), 1)


def record(seen):
  """A search that asks for the objective at two points, the first one twice."""

  def asks(key, objective, pset, x):
    values = [objective(x), objective(x), objective(0.9 * x)]
    seen.extend(values)
    return SearchResult(pset.zero(x), values[0])

  return asks


@pytest.mark.parametrize("fresh", [True, False])
def test_draws_are_new_at_a_new_point_and_the_same_at_the_same(fresh):
  x, seen = images(), []

  def drawn(key, x):  # says what was drawn, whatever the image
    return x * 0 + jax.random.normal(key, x.shape)

  expectation_over_transformation(record(seen), drawn, 2, fresh=fresh)(
    KEY, lambda x: x.sum(axis=(1, 2, 3)), PSET, x
  )
  first, again, elsewhere = seen
  np.testing.assert_array_equal(first, again)
  assert len(np.unique(first)) == len(x)
  if fresh:
    assert jnp.all(first != elsewhere)
  else:
    np.testing.assert_array_equal(first, elsewhere)


def test_an_example_meets_its_own_draws_wherever_it_stands():
  x = images()
  run = expectation_over_transformation(
    functools.partial(short, random_start=False), noise, 2
  )
  both = jax.jit(lambda x: run(KEY, bumpy, PSET, x))
  np.testing.assert_allclose(both(x).delta[3:4], both(x[3:4]).delta, atol=1e-6)


def test_keys_change_with_any_pixel_by_any_amount_and_with_the_key():
  x = jnp.full((5, 6, 6, 1), 0.5)
  x = x.at[1, 0, 0].add(1e-7).at[2, 5, 5].add(1e-7)
  x = x.at[3, 0, 0].set(0.0).at[4].set(x[4] * -1)
  data = jax.random.key_data(keys_of_images(KEY, x))
  other = jax.random.key_data(keys_of_images(jax.random.key(1), x))
  assert len(np.unique(jnp.concatenate([data, other]), axis=0)) == 10
  grad = jax.grad(
    lambda x: (x + jax.random.normal(keys_of_images(KEY, x)[0], x.shape)).sum()
  )(x)
  np.testing.assert_array_equal(grad, 1.0)


def test_the_cost_is_that_of_the_search_times_the_samples():
  x, y = images(), jnp.zeros(6, int)

  def linear(x):
    return x.reshape(len(x), -1) @ jnp.ones((36, 3))

  attack = attacks.compose(
    expectation_over_transformation(short, noise, 7),
    PSET,
    losses.margin,
  )
  assert count_model_calls(attack, linear, x, y) == (7 * 6, 7 * 4)
