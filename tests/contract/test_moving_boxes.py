"""Boxes move with the pixels of every family; families are discovered.

A white rectangle on black is found in the changed image where its moved box
is. It is found in the difference to the changed black image, so that noise,
snow and fog, which are those of the same keys, do not matter.
"""

import functools

import numpy as np
import pytest
import scipy.ndimage

from robust_jax import boxes, lookup
from robust_jax.boxes import Annotations
from robust_jax.comparison.data_kinds import Images
from robust_jax.comparison.move_boxes import move_annotations
from robust_jax.comparison.transformation import example_number

PACKAGE = "comparison.families"
# The first that a family is for; it may want images like MNIST's.
SHAPES = ((60, 72, 3), (28, 28, 1))
B, SEED = 3, 0
NUMBERS = np.array([example_number(f"image {i}") for i in range(B)], np.uint32)
# Edges are drawn and glass is shuffled a pixel or two beside an edge.
IOU_OF_MOVED, IOU_OF_OTHERS = 0.8, 0.7


@functools.cache
def family(name):
  for shape in SHAPES:
    made = lookup.find(PACKAGE, name)([shape])
    if made.transformations:
      return made, shape
  raise AssertionError(f"{name} is for none of {SHAPES}.")


ALL = [
  (name, transformation)
  for name in lookup.members(PACKAGE)
  for transformation in family(name)[0].transformations
  if not transformation.of_model  # which changes gray levels by 8 at most
]
# A corruption of several families is tried once, where it has more levels.
EACH = {
  one.name: (name, one)
  for name, one in sorted(ALL, key=lambda pair: len(pair[1].levels))
}
MOVING = [pair for pair in EACH.values() if pair[1].moves is not None]
OTHERS = [pair for pair in EACH.values() if pair[1].moves is None]


def named(pair):
  return f"{pair[0]}-{pair[1].name}"


def rectangle(shape):
  """Left, top, right, bottom: to the upper left of the center."""
  height, width, _ = shape
  sides = np.array([width, height, width, height])
  return np.rint([0.3, 0.3, 0.65, 0.7] * sides).astype(int).tolist()


def changed(transformation, images, level):
  return Images().transform(transformation, images, NUMBERS, level, SEED, B)


def regions(transformation, shape, level):
  """Of each image, boxes `[n, 4]` of the regions the rectangle is seen in.

  There are several where a border is reflected.
  """
  left, top, right, bottom = rectangle(shape)
  black = np.zeros((B, *shape), np.uint8)
  black[:, -1] = 255  # in both, since fog is relative to the lightest pixel
  white = black.copy()
  white[:, top:bottom, left:right] = 255
  pair = [changed(transformation, x, level).astype(int) for x in (white, black)]
  seen = (pair[0] - pair[1]).max(axis=-1)
  # Less contrast moves all other pixels to another mean.
  seen = np.abs(seen - np.median(seen, axis=(1, 2), keepdims=True))
  found = []
  for one in seen:
    labels, _ = scipy.ndimage.label(one > one.max() / 2, np.ones((3, 3)))
    slices = scipy.ndimage.find_objects(labels)
    corners = [(c.start, r.start, c.stop, r.stop) for r, c in slices]
    found.append(np.array(corners, np.float32))
  return found


def objects(*some):
  """The same boxes in each image; the last one is ignored."""
  count = len(some)
  ignored = np.arange(count) == count - 1
  one = Annotations(np.array(some, np.float32), np.arange(count), ignored)
  return [one] * B


def moved(transformation, annotations, shape, level, rows=slice(None)):
  return move_annotations(
    transformation, annotations[rows], shape, NUMBERS[rows], level, SEED, B
  )


def overlaps(transformation, shape, level):
  """IoU of the moved box and the region that it fits best, of each image."""
  annotations = objects(rectangle(shape))
  there = moved(transformation, annotations, shape, level)
  seen = regions(transformation, shape, level)
  return [
    boxes.iou(one.boxes, some).max()
    for one, some in zip(there, seen, strict=True)
  ]


@pytest.mark.parametrize("pair", MOVING, ids=named)
def test_a_painted_rectangle_is_where_its_moved_box_is(pair):
  name, transformation = pair
  for level in transformation.levels:
    found = overlaps(transformation, family(name)[1], level)
    assert min(found) > IOU_OF_MOVED, level


@pytest.mark.parametrize("pair", OTHERS, ids=named)
def test_what_moves_no_box_leaves_a_rectangle_in_its_place(pair):
  name, transformation = pair
  shape, level = family(name)[1], transformation.levels[-1]
  assert min(overlaps(transformation, shape, level)) > IOU_OF_OTHERS
  annotations = objects(rectangle(shape))
  assert moved(transformation, annotations, shape, level) == annotations


@pytest.mark.parametrize("pair", MOVING, ids=named)
def test_boxes_keep_their_number_and_lie_in_the_image(pair):
  name, transformation = pair
  shape, level = family(name)[1], transformation.levels[-1]
  height, width, _ = shape
  annotations = objects(
    [0, 0, 1, 1], [0, 0, width, height], [width - 9, 3, width, 4], [2, 2, 9, 9]
  )
  for one in moved(transformation, annotations, shape, level):
    assert one.boxes.dtype == np.float32
    np.testing.assert_array_equal(one.classes, [0, 1, 2, 3])
    assert one.ignored[-1]
    np.testing.assert_array_equal(
      boxes.clip(one.boxes, height, width), one.boxes
    )
    gone = boxes.area(one.boxes) == 0
    assert one.ignored[gone].all()
    assert (one.boxes[gone] == 0).all()


@pytest.mark.parametrize("pair", MOVING, ids=named)
def test_where_a_box_goes_depends_on_its_own_image_alone(pair):
  name, transformation = pair
  shape, level = family(name)[1], transformation.levels[-1]
  annotations = objects(rectangle(shape), [1, 2, 9, 12])
  whole = moved(transformation, annotations, shape, level)
  order = np.array([2, 0])
  some = move_annotations(
    transformation,
    [annotations[0], Annotations(*(field[1:] for field in annotations[0]))],
    shape,
    NUMBERS[order],
    level,
    SEED,
    B,
  )
  np.testing.assert_allclose(some[0].boxes, whole[2].boxes, atol=1e-3)
  np.testing.assert_allclose(some[1].boxes, whole[0].boxes[1:], atol=1e-3)
