"""Datasets of images: everything that is read is as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_jax.data.images import image_dataset


def constant(image, label, num_classes=10, **options):
  read_pairs = lambda indices: [(image, label)] * len(indices)
  return image_dataset("toy", (4, 4, 1), num_classes, 5, read_pairs, **options)


BLACK = np.zeros((4, 4, 1), np.uint8)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 2999), max_size=2500))
def test_examples_come_in_the_order_asked_for(indices):
  def read_pairs(chunk):
    return [(np.full((1, 2, 1), i % 256, np.uint8), i) for i in chunk]

  dataset = image_dataset("toy", (1, 2, 1), 3000, 3000, read_pairs)
  batch = dataset.read(np.array(indices, np.int32))
  assert batch["x"].shape == (len(indices), 1, 2, 1)
  assert batch["x"].dtype == np.uint8
  assert batch["y"].dtype == np.int32
  np.testing.assert_array_equal(batch["y"], indices)
  np.testing.assert_array_equal(batch["x"][:, 0, 0, 0], batch["y"] % 256)


def test_a_label_may_be_unknown_only_where_that_is_said():
  dataset = constant(BLACK, -1, unknown_labels=True)
  assert dataset.read(np.arange(3))["y"].tolist() == [-1, -1, -1]
  with pytest.raises(ValueError, match=r"is -2: expected -1\.\.9"):
    constant(BLACK, -2, unknown_labels=True).read(np.arange(3))


@pytest.mark.parametrize(
  ("dataset", "message"),
  [
    (constant(BLACK[:3], 0), r"image 2 of 'toy' is uint8 \(3, 4, 1\)"),
    (constant(BLACK / 1.0, 0), r"is float64 .* expected uint8 \(4, 4, 1\)"),
    (constant(BLACK, -1), r"label 2 of 'toy' is -1: expected 0\.\.9"),
    (constant(BLACK, 10), r"label 2 of 'toy' is 10: expected 0\.\.9"),
    (constant(BLACK, 1.5), r"label 2 of 'toy' is 1.5: expected an integer"),
  ],
)
def test_what_breaks_the_promise_is_named(dataset, message):
  with pytest.raises(ValueError, match=message):
    dataset.read(np.array([2]))
