"""The nearest point of a hyperplane within the box."""

import functools

import jax
import numpy as np
import pytest
import scipy.optimize

from robust_jax.attacks.minimal_norm._hyperplane import to_hyperplane

N = 7
RNG = np.random.default_rng(0)


@functools.partial(jax.jit, static_argnums=3)
def project(x, w, b, norm):
  return to_hyperplane(x, w, b - (w * x).sum(axis=1), norm)


def _problem(rows=12):
  x = RNG.random((rows, N)).astype(np.float32)
  x[:3] = x[:3].round()
  w = RNG.normal(size=(rows, N)).astype(np.float32)
  w[:, 0] = 0
  # A point of the box that is on the plane, so that there is one.
  b = (w * RNG.random((rows, N))).sum(1).astype(np.float32)
  return x, w, b


@functools.cache
def _shortest_by_linear_program(norm, x, w, b):
  """min t or sum t with -t <= d <= t, <w, x + d> = b, x + d in the box."""
  x, w = np.asarray(x), np.asarray(w)
  eye = np.eye(N)
  size = 1 if norm == "linf" else N
  bound = np.ones((N, 1)) if norm == "linf" else eye
  result = scipy.optimize.linprog(
    np.r_[np.zeros(N), np.ones(size)],
    A_ub=np.block([[eye, -bound], [-eye, -bound]]),
    b_ub=np.zeros(2 * N),
    A_eq=np.r_[w, np.zeros(size)][None],
    b_eq=[b - w @ x],
    bounds=[*zip(-x, 1 - x, strict=True)] + [(0, None)] * size,
  )
  return result.fun


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_the_length_is_that_of_the_linear_program(norm):
  x, w, b = _problem()
  d = np.asarray(project(x, w, b, norm))
  order = {"linf": np.inf, "l1": 1}[norm]
  expected = [
    _shortest_by_linear_program(norm, tuple(r), tuple(s), float(t))
    for r, s, t in zip(x, w, b, strict=True)
  ]
  # Float32 sums of a few numbers near 1.
  np.testing.assert_allclose(
    np.linalg.norm(d, order, axis=1), expected, atol=2e-6
  )


def test_the_l2_point_satisfies_the_optimality_conditions():
  # d = clip(lambda w): one multiplier for all coordinates that are free.
  x, w, b = _problem()
  d = np.asarray(project(x, w, b, "l2"))
  for i in range(len(x)):
    free = (x[i] + d[i] > 1e-5) & (x[i] + d[i] < 1 - 1e-5) & (w[i] != 0)
    multiplier = d[i][free] / w[i][free]
    np.testing.assert_allclose(
      multiplier, multiplier[:1].repeat(free.sum()), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_result_is_on_the_plane_and_in_the_box(norm):
  x, w, b = _problem(50)
  d = np.asarray(project(x, w, b, norm))
  np.testing.assert_allclose((w * (x + d)).sum(1), b, atol=5e-6)
  assert (x + d).min() >= -1e-6
  assert (x + d).max() <= 1 + 1e-6


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_plane_out_of_reach_gives_the_nearest_corner(norm):
  x, w, _ = _problem(4)
  d = np.asarray(project(x, w, np.full(4, 1e3, np.float32), norm))
  corner = np.where(w > 0, 1, np.where(w < 0, 0, x))
  np.testing.assert_allclose(x + d, corner, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_no_normal_or_no_distance_moves_nothing(norm):
  x, w, _ = _problem(4)
  on_it = (w * x).sum(1)
  np.testing.assert_allclose(project(x, w, on_it, norm), 0, atol=1e-6)
  np.testing.assert_array_equal(project(x, 0 * w, on_it + 1, norm), 0)
