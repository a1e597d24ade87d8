"""Digits drawn with fonts: the label is what is seen, and nothing changes."""

import numpy as np
import pytest
from PIL import ImageFont
from sklearn.neighbors import KNeighborsClassifier

from robust_jax.data.builders import _draw_digits, drawn_digits, street_digits
from robust_jax.data.builders._draw_digits import (
  draw_digits,
  draw_street_digits,
)
from robust_jax.data.tfds import find_builder

LABELS = np.arange(300) % 10


@pytest.mark.parametrize("draw", [draw_digits, draw_street_digits])
def test_a_digit_depends_on_seed_and_position_alone(draw):
  whole = draw(LABELS[:20], 0, 28)
  np.testing.assert_array_equal(whole[:7], draw(LABELS[:7], 0, 28))
  other = draw(LABELS[:20], 1, 28)
  assert all((a != b).any() for a, b in zip(whole, other, strict=True))


@pytest.mark.parametrize("size", [16, 28, 32])
def test_digits_are_white_on_black_and_inside_the_image(size):
  images = draw_digits(LABELS[:100], 0, size)
  assert images.shape == (100, size, size, 1)
  assert images.dtype == np.uint8
  # A thin and blurred digit is gray.
  assert (images.max((1, 2, 3)) > 100).all()
  border = np.concatenate(
    [images[:, [0, -1]], images[:, :, [0, -1]].swapaxes(1, 2)], 1
  )
  assert border.mean() < 10 < images.mean()


@pytest.mark.parametrize("name", _draw_digits._FONTS)
def test_every_font_has_ten_different_digits(name):
  font = _draw_digits._font(name, 40)
  assert isinstance(font, ImageFont.FreeTypeFont)
  masks = {bytes(font.getmask(digit)) for digit in "0123456789"}
  assert len(masks) == 10
  assert all(any(mask) for mask in masks)


def test_the_label_is_what_is_drawn():
  """A digit is most like those of its own label, whatever the font."""
  train, test = (draw_digits(LABELS, s, 28).reshape(300, -1) for s in (0, 1))
  neighbors = KNeighborsClassifier(1).fit(train, LABELS)
  assert neighbors.score(test, LABELS) > 0.4  # at chance 0.1


def test_the_digit_in_the_middle_of_a_house_number_is_the_label(monkeypatch):
  """Without its colors and neighbors it is a digit as any other."""

  def of_one_color(background, color):
    return np.zeros_like(background), np.ones_like(color)

  monkeypatch.setattr(_draw_digits, "_colors", of_one_color)
  plain = draw_digits(LABELS, 0, 28).reshape(300, -1)
  street = draw_street_digits(LABELS, 1, 36)[:, 4:-4, 4:-4].mean(3)
  neighbors = KNeighborsClassifier(1).fit(plain, LABELS)
  assert neighbors.score(street.reshape(300, -1), LABELS) > 0.4


def test_colors_of_a_house_number_can_be_told_apart():
  images = draw_street_digits(LABELS, 0, 32).astype(float)
  brightness = images.mean(3).reshape(300, -1)
  low, high = np.percentile(brightness, [5, 95], axis=1)
  assert (high - low > 25).mean() > 0.98


@pytest.mark.parametrize(
  "name", ["drawn_digits", "photo_digits", "street_digits"]
)
def test_splits_are_balanced_and_share_no_image(name, monkeypatch):
  short = {"train": 60, "test": 40}
  for module in (drawn_digits, street_digits):
    monkeypatch.setattr(module, "NUM_EXAMPLES", short)
  splits = find_builder(name).make_splits()
  assert {split: len(found.labels) for split, found in splits.items()} == short
  for found in splits.values():
    assert len(set(np.bincount(found.labels))) == 1
    assert found.images.shape[1:] == find_builder(name).IMAGE_SHAPE
  train, test = ({image.tobytes() for image in splits[s].images} for s in short)
  assert not train & test
  assert len(train) == 60
