"""Thickness and slant against drawings whose measures are known."""

import numpy as np
import pytest

from robust_jax.data import handwriting

SIZE = 48


def bar(width, slant=0.0, rows=32):
  """A bar `rows` high, `width` columns across in each row, anti-aliased."""
  image = np.zeros((SIZE, SIZE))
  column = np.arange(SIZE)
  for row in range(rows):
    left = SIZE / 2 - width / 2 + slant * (rows / 2 - row)
    covered = np.minimum(column + 1, left + width) - np.maximum(column, left)
    image[row + (SIZE - rows) // 2] = np.clip(covered, 0, 1)
  return image[None, ..., None]


@pytest.mark.parametrize("width", [2.0, 3.0, 5.0])
def test_the_width_of_an_upright_bar_is_its_width(width):
  # Differences over 2x2 pixels cut its corners, each by 2 - sqrt(2) pixels or
  # less of a perimeter of 2 (32 + width).
  np.testing.assert_allclose(
    handwriting.thickness(bar(width)), width, rtol=0.03
  )


@pytest.mark.parametrize("slant", [-0.6, 0.3, 1.0])
def test_a_slanted_bar_is_as_wide_as_it_is_across(slant):
  across = 4.0 / np.hypot(1, slant)
  # Pixels know a slanted edge to a few percent of its length.
  np.testing.assert_allclose(
    handwriting.thickness(bar(4.0, slant)), across, rtol=0.06
  )


@pytest.mark.parametrize("slant", [-0.6, 0.0, 0.25, 1.0])
def test_slant_is_the_shear(slant):
  # Anti-aliasing moves the center of a row's ink by 1/8 of a pixel at most.
  np.testing.assert_allclose(
    handwriting.slant(bar(3.0, slant)), slant, atol=0.01
  )


def test_measures_do_not_see_position_or_brightness():
  drawn = bar(3.0, 0.5)
  moved = 0.4 * np.roll(drawn, (3, -4), axis=(1, 2))
  for measure in (handwriting.thickness, handwriting.slant):
    np.testing.assert_allclose(measure(moved), measure(drawn), rtol=1e-4)


def test_mirroring_turns_the_slant_round():
  drawn = bar(3.0, 0.5)
  np.testing.assert_allclose(
    handwriting.slant(drawn[:, :, ::-1]), -handwriting.slant(drawn), rtol=1e-5
  )


@pytest.mark.parametrize("measure", [handwriting.thickness, handwriting.slant])
def test_a_blank_image_measures_0(measure):
  assert measure(np.zeros((1, 5, 5, 1))) == 0


def test_a_single_row_has_no_slant():
  image = np.zeros((1, 5, 5, 1))
  image[0, 2] = 1
  assert handwriting.slant(image) == 0


def test_images_are_measured_each_by_itself():
  both = np.concatenate([bar(2.0, 0.5), bar(5.0, -0.5)])
  for measure in (handwriting.thickness, handwriting.slant):
    each = [measure(image[None])[0] for image in both]
    np.testing.assert_allclose(measure(both), each, rtol=1e-6)
