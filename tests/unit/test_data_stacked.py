"""Stacked images, and mixtures of Gaussians: what is where, and how often."""

import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.data.dataset import from_arrays
from robust_jax.data.load import load
from robust_jax.data.stacked import stacked
from robust_jax.data.synthetic.gaussian_grid import gaussian_grid

DIGITS = load("digits", "train")
SINGLE = DIGITS.read(np.arange(len(DIGITS)))


def test_each_channel_is_an_image_of_its_digit():
  examples = stacked(DIGITS, 50).read(np.arange(50))
  assert examples["x"].dtype == np.uint8
  for x, y in zip(examples["x"], examples["y"], strict=True):
    for channel, digit in enumerate((y // 100, y // 10 % 10, y % 10)):
      same = (SINGLE["x"][..., 0] == x[..., channel]).all((1, 2))
      assert digit in SINGLE["y"][same]


def test_an_image_depends_on_the_seed_and_its_index_alone():
  few, many = stacked(DIGITS, 20), stacked(DIGITS, 3000)
  order = np.array([7, 3, 7, 19])
  for name, values in few.read(order).items():
    np.testing.assert_array_equal(values, many.read(order)[name])
    np.testing.assert_array_equal(values[0], values[2])
  other = stacked(DIGITS, 20, seed=1).read(order)
  assert (other["x"] != few.read(order)["x"]).any()


def test_all_thousand_classes_are_about_equally_frequent():
  y = stacked(DIGITS, 20000).read(np.arange(20000))["y"]
  counts = np.bincount(y, minlength=1000)
  assert len(counts) == 1000
  # Digits and numbers of draws vary: 20 each, with a deviation of about 5.
  assert counts.min() > 0
  assert counts.std() < 8


def test_a_batch_of_stacked_images_is_decoded_like_any_other():
  dataset = stacked(DIGITS, 4)
  stored = dataset.read(np.arange(4))
  x = dataset.decode({"x": jnp.asarray(stored["x"])})["x"]
  np.testing.assert_allclose(x, stored["x"] / 255, rtol=1e-6)
  assert dataset.fact("image_shape") == x.shape[1:] == (8, 8, 3)


def test_images_of_colors_are_refused():
  color = from_arrays(
    "colors",
    {"x": np.zeros((3, 4, 4, 3), np.uint8), "y": np.zeros(3, np.int32)},
    info={"num_classes": 2},
  )
  with pytest.raises(ValueError, match="'colors' have 3 channels: expected gr"):
    stacked(color, 5)


def test_the_grid_has_all_its_modes_where_its_centers_are():
  dataset = gaussian_grid(5000, seed=3)
  points, centers = dataset.read(np.arange(5000))["x"], dataset.fact("centers")
  assert centers.shape == (25, 2)
  np.testing.assert_allclose(centers.mean(axis=0), 0, atol=1e-12)
  gaps = np.linalg.norm(centers[:, None] - centers, axis=-1)
  assert gaps[gaps > 0].min() == 2
  distances = np.linalg.norm(points[:, None] - centers, axis=-1)
  own = distances.argmin(axis=1)
  assert np.bincount(own).min() > 120  # 200 expected, and 14 the deviation
  spread = points - centers[own]
  np.testing.assert_allclose(spread.std(axis=0), 0.05, rtol=0.05)
