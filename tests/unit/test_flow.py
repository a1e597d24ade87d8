"""A flow is SciPy's spline, read by SciPy's interpolation, within its reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage

from robust_jax.perturbations.flow import flow

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (3, 9, 12, 2))


def spline(size, nodes):
  """Uniform cubic B-splines at the pixels of an axis, `[size, nodes]`."""
  places = np.linspace(0, nodes - 3, size)
  # SciPy leaves the last knot out of its half-open intervals: stay below it.
  places[-1] -= 1e-9
  knots = np.arange(-3, nodes + 1, dtype=float)
  return scipy.interpolate.BSpline.design_matrix(places, knots, 3).toarray()


def field(delta, height=9, width=12):
  nodes = delta.shape[1]
  across = spline(height, nodes), spline(width, nodes)
  return np.einsum("in,jm,bnmd->bdij", *across, np.float64(delta))


@pytest.mark.parametrize("nodes", [4, 6])
@pytest.mark.parametrize(
  ("padding", "mode"), [("zero", "grid-constant"), ("edge", "nearest")]
)
def test_equals_scipy(nodes, padding, mode):
  pset = flow(4.0, nodes=nodes, padding=padding)
  delta = pset.sample(KEY, X)
  ours = jax.jit(pset.apply)(X, delta)
  for b, c in np.ndindex(3, 2):
    places = np.indices((9, 12)) + field(delta)[b]
    theirs = scipy.ndimage.map_coordinates(
      np.float64(X[b, ..., c]), places, order=1, mode=mode
    )
    # float32 places err by 1e-6 of a pixel, and pixels differ by up to 1.
    np.testing.assert_allclose(ours[b, ..., c], theirs, atol=5e-6)


def test_equal_displacements_are_a_shift():
  delta = jnp.tile(jnp.float32([2, -3]), (3, 5, 5, 1))
  ours = jax.jit(flow(4.0, padding="zero").apply)(X, delta)
  wide = jnp.pad(X, ((0, 0), (9, 9), (9, 9), (0, 0)))
  expected = jnp.roll(wide, (-2, 3), (1, 2))[:, 9:-9, 9:-9]
  # The weights add up to 1 in float32 up to rounding.
  np.testing.assert_allclose(ours, expected, atol=5e-6)


def test_no_change_is_exact():
  pset = flow(2.0)
  np.testing.assert_array_equal(pset.apply(X, pset.zero(X)), X)


def test_nothing_is_read_further_away_than_eps():
  eps = jnp.array([0.0, 0.5, 2.0])
  pset = flow(eps)
  delta = pset.project(X, 999 * jax.random.normal(KEY, (3, 5, 5, 2)))
  length = jnp.linalg.norm(delta, axis=-1)
  assert jnp.all(length <= eps[:, None, None] * (1 + 1e-6))
  assert jnp.all(length[2] > 1.99)
  reach = np.linalg.norm(field(delta), axis=1).max(axis=(1, 2))
  assert np.all(reach <= eps * (1 + 1e-6))
  np.testing.assert_allclose(pset.project(X, delta), delta, rtol=1e-6)


def test_samples_are_uniform_in_the_disc():
  delta = flow(2.0).sample(KEY, jnp.zeros((400, 2, 2, 1)))
  length = np.linalg.norm(delta, axis=-1).ravel()
  assert length.max() <= 2.0 * (1 + 1e-6)
  # The square of the length is uniform; 10,000 draws of a [0, 4] variable.
  assert abs(np.mean(length**2) - 2.0) < 5 * 4 / np.sqrt(12 * length.size)
  assert np.all(np.abs(delta.mean((0, 1, 2))) < 5 / np.sqrt(length.size))


def test_linear_maximizer_is_the_longest_along_each_gradient():
  grad = jnp.zeros((3, 5, 5, 2)).at[:, 1, 2].set(jnp.array([3e-25, -4e-25]))
  linear_maximizer = flow(2.0).linear_maximizer(X, grad)
  np.testing.assert_allclose(
    linear_maximizer[:, 1, 2], [[1.2, -1.6]] * 3, rtol=1e-6
  )
  assert jnp.count_nonzero(linear_maximizer) == 6


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"eps": -1.0}, "eps = -1.0: expected 0 or more"),
    ({"nodes": 3}, "nodes = 3: expected 4 or more"),
    ({"padding": "mirror"}, "padding = 'mirror'"),
  ],
)
def test_bad_input_is_refused_in_prose(options, message):
  with pytest.raises(ValueError, match=message):
    flow(**options)
