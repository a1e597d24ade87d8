"""Projection onto the L1 ball and the box, against two other ways to it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from robust_jax import perturbations, tree
from robust_jax.perturbations import balls

project = jax.jit(lambda eps, x, delta: perturbations.l1(eps).project(x, delta))


def by_sorting(eps, x, delta):
  """One vector, in float64: every kink of the length in the cut, in order."""
  size = np.abs(delta)
  room = np.where(delta > 0, 1 - x, x)

  def kept(cut):
    return np.clip(size - cut, 0, room)

  if kept(0).sum() <= eps:
    return np.sign(delta) * kept(0)
  kinks = np.sort(np.concatenate([[0], size, np.maximum(size - room, 0)]))
  lengths = np.array([kept(cut).sum() for cut in kinks])
  last = np.flatnonzero(lengths > eps)[-1]
  (a, b), (over, under) = kinks[last : last + 2], lengths[last : last + 2]
  return np.sign(delta) * kept(a + (b - a) * (over - eps) / (over - under))


def by_quadratic_programming(eps, x, delta):
  """One vector as positive minus negative part, by SciPy's SLSQP."""
  n = len(x)
  result = optimize.minimize(
    lambda pq: 0.5 * np.sum((pq[:n] - pq[n:] - delta) ** 2),
    np.zeros(2 * n),
    jac=lambda pq: np.concatenate([r := pq[:n] - pq[n:] - delta, -r]),
    bounds=[(0, u) for u in np.concatenate([1 - x, x])],
    constraints={
      "type": "ineq",
      "fun": lambda pq: eps - pq.sum(),
      "jac": lambda pq: -np.ones(2 * n),
    },
    method="SLSQP",
    options={"ftol": 1e-14, "maxiter": 300},
  )
  assert result.success, result.message
  return result.x[:n] - result.x[n:]


def by_l1(delta, eps):
  return balls.onto_l1(delta, eps, jnp.inf)


def problem(seed, dimension, spread, batch=16):
  rng = np.random.default_rng(seed)
  x = rng.random((batch, dimension))
  # Black and white pixels, which may move one way only.
  x = np.where(rng.random(x.shape) < 0.4, x.round(), x).astype(np.float32)
  delta = (spread * rng.standard_normal(x.shape)).astype(np.float32)
  return x, delta


@settings(deadline=None, max_examples=60)
@given(
  seed=st.integers(0, 2**16),
  eps=st.sampled_from([0.0, 1e-3, 0.5, 3.0, 12.0, 40.0, 1e3]),
  spread=st.sampled_from([1e-3, 0.1, 1.0, 10.0]),
)
def test_agrees_with_sorting(seed, eps, spread):
  x, delta = problem(seed, 200, spread)
  found = project(eps, x, delta)
  for i in range(len(x)):
    expected = by_sorting(eps, *np.float64((x[i], delta[i])))
    # Of delta, which is near 10 at times, float32 keeps 1e-6.
    np.testing.assert_allclose(found[i], expected, atol=1e-6 * max(spread, 1))
  length = np.abs(np.float64(found)).sum(1)
  assert np.all(length <= eps * (1 + 1e-6) + 1e-6)


@pytest.mark.parametrize("eps", [0.2, 1.0, 3.0])
def test_agrees_with_quadratic_programming(eps):
  x, delta = problem(1, 8, 1.0, batch=6)
  found = project(eps, x, delta)
  for i in range(len(x)):
    expected = by_quadratic_programming(eps, *np.float64((x[i], delta[i])))
    # SLSQP stops at about the root of its tolerance.
    np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_the_nearest_point_is_not_found_by_one_set_after_the_other():
  # Ball, then box: the first coordinate takes its fraction to the wall and
  # loses.
  x, delta = jnp.array([[0.9, 0.5]]), jnp.array([[1.0, 0.4]])
  exact = project(0.5, x, delta)
  np.testing.assert_allclose(exact, [[0.1, 0.4]], atol=1e-6)
  in_turn = jnp.clip(x + balls.onto_l1(delta, 0.5, jnp.inf), 0, 1) - x
  np.testing.assert_allclose(in_turn, [[0.1, 0.0]], atol=1e-6)


def test_an_example_does_not_depend_on_its_batch():
  # The others take more steps, or none; the bits must be the same.
  x, delta = problem(3, 100, 1.0)
  together = project(5.0, x, delta)
  others = np.concatenate([delta[:1], 1e-3 * delta[1:8], 1e3 * delta[8:]])
  np.testing.assert_array_equal(project(5.0, x, others)[0], together[0])


def test_equal_entries_fraction_the_cut():
  x, delta = jnp.full((1, 50), 0.5), jnp.full((1, 50), 0.3)
  np.testing.assert_allclose(project(1.0, x, delta), 0.02 + 0 * x, rtol=1e-5)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_derivatives_are_those_of_the_closed_form(mode):
  # Coordinates 0 and 1 are free and share the cut, 2 is full, 3 is cut to 0.
  delta, room = jnp.array([[1.0, -0.8, 2.0, 0.1]]), jnp.array([9, 9, 0.5, 9.0])
  project = lambda delta, eps, room: balls.onto_l1(delta, eps, room[None])[0]
  by_delta, by_eps, by_room = jax.jit(mode(project, argnums=(0, 1, 2)))(
    delta, jnp.float32(1.0), room
  )
  expected = np.zeros((4, 4))
  expected[:2, :2] = [[0.5, 0.5], [0.5, 0.5]]  # opposite signs
  np.testing.assert_allclose(by_delta[:, 0], expected, atol=1e-6)
  np.testing.assert_allclose(by_eps, [0.5, -0.5, 0, 0], atol=1e-6)
  expected = np.zeros((4, 4))
  expected[:3, 2] = [-0.5, 0.5, 1]
  np.testing.assert_allclose(by_room, expected, atol=1e-6)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_inside_of_the_ball_the_derivative_is_the_identity(mode):
  project = lambda delta: balls.onto_l1(delta, 1.0, 1.0)[0]
  delta = jnp.array([[0.3, -0.2, 0.1]])
  np.testing.assert_allclose(mode(project)(delta)[:, 0], np.eye(3), atol=1e-6)


@pytest.mark.parametrize("onto", [balls.onto_linf, balls.onto_l2, by_l1])
@pytest.mark.parametrize("power", [-90, -20, 20, 90])
def test_in_other_units_the_projection_is_the_same(onto, power):
  delta = problem(0, 200, 1.0)[1]
  unit = np.float32(2.0) ** power
  there = onto(unit * delta, unit * 0.3) / unit
  np.testing.assert_allclose(there, onto(delta, 0.3), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [1e4, 1e10, 1e20, 1e37])
def test_of_something_huge_the_largest_entries_are_left(size):
  delta = jnp.array([[-1.0, 0.9, 1.0, 0.0]]) * size
  without_box = balls.onto_l1(delta, 3.0, jnp.inf)
  np.testing.assert_allclose(without_box, [[-1.5, 0, 1.5, 0]], rtol=1e-6)
  in_box = balls.onto_l1(delta, 3.0, jnp.array([[1.0, 2, 0.5, 1]]))
  np.testing.assert_allclose(in_box, [[-1, 1.5, 0.5, 0]], rtol=1e-6)


def test_linear_maximizer_fractions_among_equal_gradients():
  x, grad = jnp.full((2, 4), 0.5), jnp.array([[1, -3, 3, 0], [0, 0, 0, 2.0]])
  linear_maximizer = perturbations.l1(2.0).linear_maximizer(x, grad)
  np.testing.assert_allclose(linear_maximizer, [[0, -1, 1, 0], [0, 0, 0, 2]])


def test_random_start_is_uniform_in_the_ball():
  # The length of a uniform point in d dimensions is the d-th root of a uniform
  # variable, times eps: its mean is eps d / (d + 1).
  x = jnp.full((20000, 3), 0.5)
  delta = perturbations.l1(0.4).sample(jax.random.key(0), x)
  length = tree.norm(delta, "l1")
  assert length.max() <= 0.4
  # Three standard errors of 20,000 draws, each of deviation 0.2.
  np.testing.assert_allclose(length.mean() / 0.4, 0.75, atol=0.0042)
  np.testing.assert_allclose(delta.mean(0), 0, atol=0.003)
