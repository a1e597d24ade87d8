"""Measurements of attribute swaps whose result is known."""

import numpy as np
import pytest

from robust_jax.plotting.attribute_swaps import draw_attribute_swaps
from robust_jax.probes.attribute_swap import attribute_swap

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
# One pixel is the class, the other the style, which differs between classes.
X = np.stack([LABELS / 2, 0.1 * LABELS + 0.3 * RNG.random(60)], axis=1)
X = X.reshape(60, 1, 2, 1)


def measured(reconstruct):
  return attribute_swap(
    reconstruct,
    X,
    LABELS,
    3,
    classify=lambda x: np.rint(2 * x[:, 0, 0, 0]).astype(int),
    measures={"style": lambda x: x[:, 0, 1, 0]},
  )


def relabeled(x, labels):
  x = np.copy(x)
  x[:, 0, 0, 0] = labels / 2
  return x


def test_a_perfect_attribute_swap_agrees_and_keeps_the_style():
  result = measured(relabeled)
  np.testing.assert_array_equal(result.agreement, 1)
  np.testing.assert_allclose(result.style["style"], 1)


def test_an_attribute_swap_that_ignores_the_label_never_agrees():
  result = measured(lambda x, labels: x)
  np.testing.assert_array_equal(result.agreement, 0)
  np.testing.assert_allclose(result.style["style"], 1)


def test_the_style_of_a_class_is_no_style_kept():
  means = np.array([X[k == LABELS, 0, 1, 0].mean() for k in range(3)])

  def typical(x, labels):
    """All of a class become alike, in the style of their class."""
    nearest = np.abs(x[:, 0, 0, 0, None] - np.arange(3) / 2).argmin(axis=1)
    x = relabeled(x, labels)
    x[:, 0, 1, 0] = means[nearest]
    return x

  # Rounding of the means is all that is left.
  assert np.abs(measured(typical).style["style"]).max() < 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_drawn(tmp_path, channels):
  images = RNG.random((2, 3, 8, 8, channels))
  path = tmp_path / "grid.png"
  draw_attribute_swaps(path, images, "ab", "cde", originals=[(0, 1)])
  assert path.stat().st_size > 2000
