"""The windows of the Square attack, against its published numbers."""

import numpy as np
import pytest

from robust_jax.search import square_window

# The last iteration of each fraction and the first of the next.
EDGES = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


def test_the_fraction_halves_after_the_published_iterations():
  assert square_window.fraction(1) == 0.8
  for halvings, edge in enumerate(EDGES):
    assert square_window.fraction(edge) == 0.8 / 2**halvings
    assert square_window.fraction(edge + 1) == 0.8 / 2 ** (halvings + 1)
  assert square_window.fraction(10**6) == 0.8 / 512


@pytest.mark.parametrize(
  ("size", "sides"),
  [(28, [25, 18, 13, 9, 6, 4, 3, 2]), (32, [29, 20, 14, 10, 7, 5, 4, 3])],
)
def test_sides_of_mnist_and_cifar(size, sides):
  assert [square_window.side(0.8 / 2**i, size, size) for i in range(8)] == sides


def test_sides_fit_the_image():
  assert square_window.side(0.8, 4, 30) == 4
  assert square_window.side(1e-9, 4, 30) == 1
  assert square_window.side(1e-9, 8, 8, smallest=3) == 3
  assert square_window.side(1e-9, 2, 8, smallest=3) == 2


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 25])
def test_bumps_have_unit_norm_and_opposite_signs(size):
  bumps = square_window.bumps(size)
  assert bumps.shape == (size, size)
  np.testing.assert_allclose(np.linalg.norm(bumps), 1, rtol=1e-6)
  assert (bumps[: size // 2] > 0).all()
  assert (bumps[size // 2 :] < 0).all()


def test_bumps_of_six_by_hand():
  # Centerd squares of sides 1, 3, 5, 7 with weights 1, 1/4, 1/9, 1/16, cut to
  # 3 x 6, with their center in row 1, column 3.
  half = np.zeros((3, 6))
  for ring, weight in enumerate([1, 1 / 4, 1 / 9, 1 / 16]):
    rows = slice(max(1 - ring, 0), 1 + ring + 1)
    half[rows, max(3 - ring, 0) : 3 + ring + 1] += weight
  expected = np.concatenate([half, -half]) / np.sqrt(2 * (half**2).sum())
  np.testing.assert_allclose(square_window.bumps(6), expected, rtol=1e-6)
