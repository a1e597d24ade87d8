"""Geometry of boxes, of NumPy and of JAX arrays."""

import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import boxes

ARRAYS = {"numpy": np.asarray, "jax": jnp.asarray}


def _random(n, seed=0, size=20.0):
  rng = np.random.default_rng(seed)
  corners = np.sort(rng.uniform(0, size, (n, 2, 2)), axis=1)
  return corners.reshape(n, 4).astype(np.float32)


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_the_overlap_is_the_number_of_pixels_in_both(array):
  a, b = np.rint(_random(7)), np.rint(_random(5, seed=1))

  def covered(found):
    y, x = np.mgrid[:20, :20]
    left, top, right, bottom = found.T[:, :, None, None]
    return (left <= x) & (x < right) & (top <= y) & (y < bottom)

  both = covered(a)[:, None] & covered(b)
  either = covered(a)[:, None] | covered(b)
  found = boxes.overlap(array(a), array(b))
  assert type(found) is type(array(a))
  np.testing.assert_array_equal(found, both.sum((-2, -1)))
  np.testing.assert_array_equal(boxes.area(array(a)), covered(a).sum((-2, -1)))
  np.testing.assert_allclose(
    boxes.iou(array(a), array(b)),
    both.sum((-2, -1)) / np.maximum(either.sum((-2, -1)), 1),
    rtol=1e-6,
  )


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_corner_and_size_are_inverse(array):
  a = array(_random(9))
  there = boxes.to_corner_and_size(a)
  np.testing.assert_allclose(boxes.from_corner_and_size(there), a, rtol=1e-6)
  np.testing.assert_allclose(
    there[:, 2] * there[:, 3], boxes.area(a), rtol=1e-6
  )


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_clipping_is_the_overlap_with_the_image(array):
  a = array(_random(9, size=30.0) - 5)
  inside = boxes.clip(a, 12, 20)
  whole = array(np.array([[0, 0, 20, 12]], np.float32))
  np.testing.assert_allclose(
    boxes.area(inside), boxes.overlap(a, whole)[:, 0], rtol=1e-5
  )
  np.testing.assert_array_equal(boxes.clip(inside, 12, 20), inside)


def test_boxes_without_area_overlap_nothing():
  point = np.array([[3.0, 3.0, 3.0, 3.0]])
  assert boxes.iou(point, point).tolist() == [[0.0]]
  crossed = np.array([[5.0, 5.0, 3.0, 3.0]])
  assert boxes.area(crossed).tolist() == [0.0]


def test_leading_axes_are_kept():
  a, b = _random(6).reshape(2, 3, 4), _random(4, seed=1).reshape(2, 2, 4)
  together = boxes.iou(a, b)
  each = [boxes.iou(x, y) for x, y in zip(a, b, strict=True)]
  np.testing.assert_array_equal(together, np.stack(each))
