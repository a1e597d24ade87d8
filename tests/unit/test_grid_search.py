"""Grid search: the best of all points, in chunks of any size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses
from robust_jax import perturbations as sets
from robust_jax.attacks.cost import count_model_calls
from robust_jax.search.grid_search import grid_search

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (4, 6, 6, 1))
WEIGHTS = jax.random.normal(jax.random.key(2), X.shape)
PSET = sets.affine(40, 2)
NUM_POINTS = (5, 3, 3)


def bumpy(x):
  return jnp.sum(WEIGHTS * jnp.sin(9 * x), axis=(1, 2, 3))


def search(objective=bumpy, pset=PSET, num_points=NUM_POINTS, **options):
  run = jax.jit(
    lambda x: grid_search(
      KEY, objective, pset, x, num_points=num_points, **options
    )
  )
  return run(X)


@pytest.mark.parametrize("chunk_size", [1, 4, 45, 100])
def test_is_the_best_of_all_points_taken_at_once(chunk_size):
  size, at = PSET.grid(X, NUM_POINTS)
  assert size == 45

  @jax.jit
  def all_at_once(x):
    delta = jax.vmap(at)(jnp.arange(size))
    return delta, jax.vmap(lambda t: bumpy(PSET.apply(x, t)))(delta)

  delta, values = all_at_once(X)
  found = search(chunk_size=chunk_size)
  np.testing.assert_allclose(found.value, values.max(axis=0), rtol=1e-5)
  winner = np.argmax(values, axis=0), np.arange(4)
  jax.tree.map(
    lambda ours, every: np.testing.assert_array_equal(ours, every[winner]),
    found.delta,
    delta,
  )


def test_of_equal_points_the_last_is_kept_and_not_the_clean_one():
  found = search(lambda x: 0 * x.sum((1, 2, 3)))
  size, at = PSET.grid(X, NUM_POINTS)
  jax.tree.map(np.testing.assert_array_equal, found.delta, at(size - 1))
  assert jnp.all(found.delta.rotation > 0)


def test_the_clean_point_is_a_candidate_of_any_grid():
  found = search(lambda x: -jnp.abs(x - X).sum((1, 2, 3)), num_points=2)
  np.testing.assert_array_equal(found.value, 0)


def test_nan_never_wins_and_stays_with_its_example():
  def ill(x):
    turned = jnp.any(x != X, axis=(1, 2, 3)) & (jnp.arange(4) == 2)
    return jnp.where(turned, jnp.nan, bumpy(x))

  found, healthy = search(ill), search()
  assert jnp.isfinite(found.value[2])
  others = jnp.array([0, 1, 3])
  np.testing.assert_allclose(
    found.value[others], healthy.value[others], rtol=1e-5
  )


def test_finds_the_shift_that_was_made():
  shifts = sets.shift(2)
  made = shifts.sample(jax.random.key(5), X)
  goal = shifts.apply(X, made)
  found = search(
    lambda x: -jnp.square(x - goal).sum((1, 2, 3)), shifts, num_points=5
  )
  np.testing.assert_array_equal(found.delta.pixels, made.pixels)


def test_a_set_without_a_grid_is_refused():
  with pytest.raises(ValueError, match=r"cannot be enumerated .* use"):
    search(pset=sets.linf(0.1))
  with pytest.raises(ValueError, match="chunk_size = 0: expected a whole"):
    search(chunk_size=0)


@pytest.mark.parametrize(("chunk_size", "forward"), [(1, 776), (31, 776)])
def test_memory_and_passes_of_the_grid_of_the_paper(chunk_size, forward):
  def model(x):
    return x.reshape(len(x), -1) @ WEIGHTS.reshape(4, -1).T

  attack = attacks.compose(
    grid_search,
    sets.affine(),
    losses.margin,
    num_points=(31, 5, 5),
    chunk_size=chunk_size,
  )
  x = jnp.zeros((64, 6, 6, 1))
  y = jnp.zeros(64, int)
  assert count_model_calls(attack, model, x, y) == (forward, 0)
  run = jax.jit(attack, static_argnums=1).lower(KEY, model, x, y).compile()
  # Far below one copy of all 775 warped batches.
  scratch = run.memory_analysis().temp_size_in_bytes
  assert scratch < 20 * (chunk_size + 1) * x.nbytes < 775 * x.nbytes * 20
