"""Domains presented alike: nothing is lost, and what cannot fit is refused."""

import jax
import numpy as np
import pytest

from robust_jax.data.images import image_dataset, image_shape
from robust_jax.data.match_shapes import match_shapes, with_shape
from robust_jax.data.paired_loader import paired_loader


def images(shape, num_examples=40, name="toy", **fields):
  x = np.random.default_rng(0).integers(0, 256, (num_examples, *shape))
  fields = {"num_classes": 10, "label": lambda i: i % 10, "high": 255} | fields
  x = (x * fields["high"] / 255).astype(np.uint8)

  def read_pairs(indices):
    return ((x[i], fields["label"](i)) for i in indices)

  return image_dataset(
    name,
    shape,
    fields["num_classes"],
    num_examples,
    read_pairs,
    unknown_labels=True,
  )


def read(source):
  return source.read(np.arange(len(source)))


def test_gray_becomes_color_by_repetition():
  gray = images((4, 4, 1))
  color = read(with_shape(gray, (4, 4, 3)))
  for channel in range(3):
    np.testing.assert_array_equal(
      color["x"][..., channel], read(gray)["x"][..., 0]
    )
  np.testing.assert_array_equal(color["y"], read(gray)["y"])


@pytest.mark.parametrize("size", [28, 8])
def test_another_size_is_that_of_jax_to_within_a_level(size):
  source = images((16, 16, 3))
  shape = (40, size, size, 3)
  expected = jax.image.resize(
    read(source)["x"].astype("float32"), shape, "linear"
  )
  resized = read(with_shape(source, shape[1:]))["x"]
  # Half a level of rounding after each of two axes, and fixed-point weights.
  np.testing.assert_allclose(resized, expected, rtol=0, atol=1.3)


def test_what_fits_already_is_left_alone():
  source = images((4, 4, 3))
  assert with_shape(source, (4, 4, 3)) is source


def test_the_common_shape_is_the_largest_and_can_be_fed():
  usps, mnist_m = images((16, 16, 1)), images((28, 28, 3))
  for domains in ((usps, mnist_m), (mnist_m, usps)):
    (source,), target = match_shapes([domains[0]], domains[1])
    assert image_shape(source) == image_shape(target) == (28, 28, 3)
    loader = paired_loader([source], target, 8, seed=0)
    batch = loader.decode(loader.device_data, next(loader.indices(0)))
    assert batch["source"]["x"].shape == batch["target"]["x"].shape


def test_a_given_shape_goes_before_the_largest():
  sources, target = match_shapes(
    [images((16, 16, 1)), images((32, 32, 1))], images((28, 28, 3)), (8, 8, 3)
  )
  assert {image_shape(d) for d in (*sources, target)} == {(8, 8, 3)}


def test_a_rare_class_of_the_source_is_found():
  # One example in 5000, between those that are looked at first.
  source = images((1, 1, 1), 5000, label=lambda i: int(i == 2))
  target = images((1, 1, 1), label=lambda i: 1)
  match_shapes([source], target)


def test_labels_of_the_target_may_be_unknown():
  match_shapes([images((4, 4, 1))], images((4, 4, 1), label=lambda i: -1))


def test_several_sources_fraction_the_classes():
  low, high = (
    images((4, 4, 1), label=lambda i, k=k: k + i % 5) for k in (0, 5)
  )
  match_shapes([low, high], images((4, 4, 1)))


GRAY = images((4, 4, 1), name="gray")


@pytest.mark.parametrize(
  ("source", "target", "shape", "message"),
  [
    (images((4, 4, 3)), GRAY, (4, 4, 1), "'toy' have 3 channels, expected 1"),
    (GRAY, GRAY, (4, 4), r"image_shape = \(4, 4\): expected \(H, W, C\)"),
    (
      images((4, 6, 1)),
      GRAY,
      None,
      r"\(4, 4, 1\), expected \(4, 6, 1\): another",
    ),
    (
      images((4, 4, 1), num_classes=100),
      GRAY,
      None,
      "'toy' has 100 classes, the target 'gray' has 10",
    ),
    (
      images((4, 4, 1), label=lambda i: i % 8),
      GRAY,
      None,
      r"'gray' has examples of the classes \[8, 9\], of which 'toy' has none",
    ),
    (images((4, 4, 1), high=1), GRAY, None, "'toy' is 1: expected .* 0..255"),
    (GRAY, images((4, 4, 1), high=16), None, "'toy' is 16: expected"),
  ],
)
def test_domains_that_do_not_fit_are_refused(source, target, shape, message):
  with pytest.raises(ValueError, match=message):
    match_shapes([source], target, shape)


def test_no_source_is_refused():
  with pytest.raises(ValueError, match="no source domain"):
    match_shapes([], GRAY)
