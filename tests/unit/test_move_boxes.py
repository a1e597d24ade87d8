"""Closed forms of boxes under changes of images."""

import functools

import numpy as np
import pytest

from robust_jax import boxes, lookup
from robust_jax.boxes import Annotations
from robust_jax.comparison import families
from robust_jax.comparison.move_boxes import move_annotations
from robust_jax.comparison.transformation import Transformation
from robust_jax.corruptions.point_maps import point_map
from tests.contract import test_moving_boxes as laws

SHAPE = (40, 60, 3)
NUMBERS = np.array([7], np.uint32)


def objects(*some):
  count = len(some)
  array = np.array(some, np.float32).reshape(-1, 4)
  return Annotations(array, np.arange(count), np.zeros(count, bool))


def move(transformation, annotations, level=1, shape=SHAPE):
  (found,) = move_annotations(
    transformation, [annotations], shape, NUMBERS, level, 0, batch_size=1
  )
  return found


def by_points(function):
  """A change on the host that moves points by a function of x and y."""

  def moves(keys, x, level, points):
    return np.stack(function(points[..., 0], points[..., 1]), axis=-1)

  return Transformation("t", None, (1,), ("",), on_host=True, moves=moves)


def shift(dx, dy=0):
  return by_points(lambda x, y: (x + dx, y + dy))


def member(family, name):
  made = getattr(families, family)([SHAPE])
  return {t.name: t for t in made.transformations}[name]


def test_flipping_twice_and_shifting_back_are_the_identity():
  one = objects([3, 4, 20, 9.5], [30, 21, 55, 36])
  for name in ("horizontal", "vertical", "both"):
    flip = member("flips", name)
    once = move(flip, one)
    assert not np.array_equal(once.boxes, one.boxes)
    np.testing.assert_array_equal(move(flip, once).boxes, one.boxes)
  there, back = (member("pixel_shift", f"shift({s}2,+1)") for s in "+-")
  once = move(there, one)
  np.testing.assert_array_equal(once.boxes, one.boxes + np.array([2, 1] * 2))
  expected = one.boxes + np.array([0, 2] * 2)
  np.testing.assert_array_equal(move(back, once).boxes, expected)


def test_a_change_without_a_map_returns_the_boxes_themselves():
  one = objects([3, 4, 20, 9.5])
  assert move(member("photometric", "darker"), one) is one
  nothing = objects()
  assert move(member("flips", "both"), nothing) is nothing


@pytest.mark.parametrize(
  ("dx", "box", "ignored"),
  [
    (-6.9, (0, 5, 3.1, 15), False),  # 31 % are left
    (-7.1, (0, 5, 2.9, 15), True),
    (-10, (0, 0, 0, 0), True),
    (59, (59, 5, 60, 15), True),
    (99, (0, 0, 0, 0), True),
  ],
)
def test_a_box_that_is_mostly_hidden_is_ignored(dx, box, ignored):
  found = move(shift(dx), objects([0, 5, 10, 15], [20, 20, 30, 30]))
  np.testing.assert_allclose(found.boxes[0], box, atol=1e-5)
  assert found.ignored[0] == ignored
  assert found.classes.tolist() == [0, 1]


def test_what_was_ignored_stays_ignored():
  one = objects([3, 4, 20, 9.5])._replace(ignored=np.array([True]))
  assert move(shift(1), one).ignored.tolist() == [True]


def test_the_outline_counts_and_not_the_corners_alone():
  """A side that bulges in its middle, by 4 pixels to the right."""
  bulge = by_points(lambda x, y: (x + 4 - (y - 20) ** 2 / 25, y))
  found = move(bulge, objects([20, 10, 30, 30]))
  np.testing.assert_allclose(found.boxes, [[20, 10, 34, 30]], atol=0.05)


def test_a_rotated_square_has_the_area_of_the_closed_form():
  rotated = member("geometry", "rotated")
  square = objects([20, 10, 40, 30])
  for level, degrees in enumerate((5, 10, 15, 20, 30), 1):
    angle = np.deg2rad(degrees)
    area = 400 * (np.cos(angle) + np.sin(angle)) ** 2
    found = move(rotated, square, level)
    np.testing.assert_allclose(boxes.area(found.boxes), area, rtol=1e-4)


def test_sizes_and_shifts_have_the_closed_form():
  one = objects([30, 20, 40, 30])  # a corner at the center
  larger = move(member("geometry", "larger"), one, 5)
  np.testing.assert_allclose(larger.boxes, [[30, 20, 45, 35]], atol=1e-4)
  smaller = move(member("geometry", "smaller"), one, 5)
  np.testing.assert_allclose(smaller.boxes, [[30, 20, 36, 26]], atol=1e-4)
  moved = move(member("geometry", "moved"), one, 5)
  by = np.abs(moved.boxes - one.boxes)
  np.testing.assert_allclose(by, [[7.2, 4.8, 7.2, 4.8]], atol=1e-4)


def test_the_strong_distortions_of_imagenet_move_boxes_as_well():
  """Its first two levels are an affine map by up to a quarter of the image."""
  distort = Transformation(
    "elastic_transform",
    functools.partial(
      lookup.find("corruptions", "elastic_transform"), size=224
    ),
    moves=point_map("elastic_transform", size=224),
  )
  found = [laws.overlaps(distort, laws.SHAPES[0], level) for level in (1, 2, 5)]
  # Tips of thin shapes are no brighter than half.
  assert np.min(found) > 0.6
  assert np.mean(found) > 0.85
