"""Shifts and reflections are NumPy's, and all of them are found."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.perturbations.shift import Move, shift

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (2, 5, 6, 2))


def move(down, right, flip_rows=0, flip_columns=0):
  every = lambda *pair: jnp.tile(jnp.float32(pair), (2, 1))
  return Move(every(down, right), every(flip_rows, flip_columns))


def moved(x, delta, padding="zero"):
  return jax.jit(shift(padding=padding).apply)(x, delta)


@pytest.mark.parametrize(
  ("padding", "mode"), [("zero", "constant"), ("edge", "edge")]
)
def test_reflects_then_shifts(padding, mode):
  for flip in itertools.product((0, 1), repeat=2):
    for down, right in ((0, 0), (2, -1), (-3, 3), (0, 9)):
      axes = [axis + 1 for axis in range(2) if flip[axis]]
      wide = jnp.pad(jnp.flip(X, axes), ((0, 0), (9, 9), (9, 9), (0, 0)), mode)
      expected = jnp.roll(wide, (down, right), (1, 2))[:, 9:-9, 9:-9]
      ours = moved(X, move(down, right, *flip), padding)
      np.testing.assert_array_equal(ours, expected)


def test_projects_to_the_nearest_whole_pixels_in_reach():
  wild = Move(
    jnp.array([[1.4, -7.0], [0.6, 2.51]]), jnp.array([[0.7, 0.7], [-3, 0.2]])
  )
  near = shift(3, flip="horizontal").project(X, wild)
  np.testing.assert_array_equal(near.pixels, [[1, -3], [1, 3]])
  np.testing.assert_array_equal(near.flip, [[0, 1], [0, 0]])


def test_linear_maximizer_is_the_corner():
  grad = Move(jnp.array([[1e-30, -2], [0, 3]]), jnp.array([[1, -1], [1, 1.0]]))
  corner = shift(jnp.array([2.9, 1.0]), flip="both").linear_maximizer(X, grad)
  np.testing.assert_array_equal(corner.pixels, [[2, -2], [0, 1]])
  np.testing.assert_array_equal(corner.flip, [[1, 0], [1, 1]])


def test_samples_are_uniform_over_the_set():
  x = jnp.zeros((9000, 2, 2, 1))
  pset = shift(1, flip="vertical")
  delta = pset.sample(KEY, x)
  jax.tree.map(np.testing.assert_array_equal, pset.project(x, delta), delta)
  rows = np.concatenate([delta.pixels, delta.flip], axis=1)
  found, counts = np.unique(rows, axis=0, return_counts=True)
  assert len(found) == 18
  # Each has 500 in the mean, with a deviation of 22.
  assert np.all(np.abs(counts - 500) < 110)


@pytest.mark.parametrize(
  ("eps", "flip", "n", "size"),
  [
    (3, "none", 7, 49),
    (3, "none", 99, 49),
    (3, "horizontal", 99, 98),
    (1, "both", (3, 1), 12),
    (0, "none", 5, 1),
    (2.9, "none", 99, 25),
  ],
)
def test_a_grid_has_every_point_once(eps, flip, n, size):
  pset = shift(eps, flip=flip)
  grid = pset.grid(X, n)
  assert grid.size == size
  delta = jax.vmap(grid.at)(jnp.arange(size))
  jax.tree.map(
    np.testing.assert_array_equal,
    jax.vmap(lambda t: pset.project(X, t))(delta),
    delta,
  )
  rows = np.concatenate([delta.pixels[:, 0], delta.flip[:, 0]], axis=1)
  assert len(np.unique(rows, axis=0)) == size
  assert (rows == 0).all(axis=1).sum() == 1


def test_one_eps_per_example_on_a_grid():
  grid = shift(jnp.array([0.0, 2.0])).grid(X, 5)
  pixels = jax.vmap(grid.at)(jnp.arange(grid.size)).pixels
  assert not jnp.any(pixels[:, 0])
  assert len(np.unique(pixels[:, 1], axis=0)) == 25


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: shift(-1), "eps = -1: expected 0 or more"),
    (
      lambda: shift(flip="left"),
      "flip = 'left': expected one of none, vertical",
    ),
    (lambda: shift(padding="mirror"), "padding = 'mirror'"),
    (lambda: shift().grid(X, (3, 3, 3)), "expected one number, or two"),
  ],
)
def test_bad_input_is_refused_in_prose(make, message):
  with pytest.raises(ValueError, match=message):
    make()
