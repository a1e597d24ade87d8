"""Sequences against closed forms and SciPy, and what models answer to them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from scipy.spatial.transform import Rotation

from robust_jax import lookup
from robust_jax.comparison.sequence_predictions import (
  sequence_predictions,
)
from robust_jax.comparison.shift_map import shift_map
from robust_jax.corruptions import random
from robust_jax.corruptions.sequences import suites
from robust_jax.statistics.prediction_stability import (
  flip_probability,
  shift_consistency,
  top5_distance,
)

LEVEL = 1.01 / 255  # what truncation takes away


@functools.cache
def made(name, size=32, **options):
  make = lookup.find("corruptions.sequences", name)
  return jax.jit(lambda keys, x: make(keys, x, size=size, **options))


def frames(name, x, **options):
  keys = random.image_keys(0, np.arange(len(x)), name, 1)
  x = jnp.asarray(x, jnp.float32)
  return np.asarray(made(name, **options)(keys, x), np.float64)


def blob(right, down, size=33):
  """A bright spot so far from the middle, `[1, size, size, 1]`."""
  rows, columns = np.indices((size, size)) - (size - 1) / 2
  return np.exp(-((rows - down) ** 2 + (columns - right) ** 2) / 8)[
    None, ..., None
  ]


def center(frames):
  """Of the light in each frame `[T, H, W, 1]`, right and down of the middle."""
  weight = frames[..., 0] * (frames[..., 0] > 0.05)
  offset = np.arange(weight.shape[1]) - (weight.shape[1] - 1) / 2
  total = weight.sum((1, 2))
  right = (weight.sum(1) * offset).sum(1) / total
  return right, (weight.sum(2) * offset).sum(1) / total


@pytest.mark.parametrize("name", ["rotate", "shear", "scale", "tilt"])
def test_a_spot_goes_where_geometry_takes_it(name):
  place = np.array([7.0, 3.0])
  right, down = center(frames(name, blob(*place))[0])
  expected = np.stack([_moved(name, place, i) for i in range(31)])
  seen = np.stack([right, down], axis=1)
  # Spots are stretched too, and cut off at the border: a quarter of a pixel.
  inside = np.abs(expected).max(axis=1) < 11
  assert inside.sum() > 20
  np.testing.assert_allclose(seen[inside], expected[inside], atol=0.25)


def _moved(name, place, i):
  right, down = place
  degrees = i - 15
  if name == "scale":
    return place * (0.7 + 0.02 * i)
  if name == "shear":
    return np.array([right - np.tan(np.deg2rad(degrees)) * down, down])
  if name == "rotate":  # upward is positive in the plane
    turned = Rotation.from_euler("z", degrees, degrees=True)
    x, y, _ = turned.apply([right, -down, 0])
    return np.array([x, -y])
  angles = np.full(2, 0.75 * degrees)
  x, y, z = Rotation.from_euler("yx", angles, degrees=True).apply([*place, 0])
  distance = np.hypot(33, 33)
  return np.array([x, y]) * distance / (distance + z)


def test_translations_are_by_whole_pixels():
  x = np.random.default_rng(0).integers(0, 256, (1, 20, 20, 3)) / 255
  y = frames("translate", x)[0]
  for i in (0, 5, 7, 15):
    expected = scipy.ndimage.shift(x[0], (0, i - 7, 0), order=0)
    np.testing.assert_allclose(y[i], expected, atol=LEVEL)


def test_noise_is_new_in_each_frame_and_of_its_size():
  x = np.full((1, 40, 40, 1), 128 / 255)
  for name, deviation in (
    ("gaussian_noise", 0.04),
    ("speckle_noise", 0.07 * 128 / 255),
    ("shot_noise", np.sqrt(128 / 255 / 400)),
  ):
    noise = frames(name, x, level=2)[0, 1:].reshape(30, -1) - x[0, 0, 0, 0]
    # 48,000 values: 1.3 % are four deviations of their deviation.
    np.testing.assert_allclose(noise.std(), deviation, rtol=0.02)
    correlation = np.corrcoef(noise)[np.triu_indices(30, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(1600)


def test_the_blur_is_scipys():
  x = np.random.default_rng(1).random((1, 24, 24, 1))
  y = frames("gaussian_blur", x)[0, ..., 0]
  for i in (0, 10, 30):
    sigma = 0.3 + 0.015 * i
    expected = scipy.ndimage.gaussian_filter(
      x[0, ..., 0], sigma, mode="nearest"
    )
    np.testing.assert_allclose(y[i], expected, atol=LEVEL)


def test_motion_ends_level_and_brightness_is_a_ramp():
  rows = np.random.default_rng(2).random((1, 24, 1, 1))
  x = np.broadcast_to(rows, (1, 24, 24, 1))
  np.testing.assert_allclose(frames("motion_blur", x)[0, -1], x[0], atol=LEVEL)
  gray = np.full((1, 4, 4, 3), 0.5)
  ramp = frames("brightness", gray)[0, :, 0, 0, 0]
  expected = 0.5 + 0.015 * (np.arange(31) - 15)
  np.testing.assert_allclose(ramp, expected, atol=LEVEL)


def test_water_runs_down():
  y = frames("spatter", np.zeros((4, 64, 64, 3)))[..., 1]
  light = y.sum(axis=(0, 3))  # of each frame and row
  height = (light * np.arange(64)).sum(axis=1) / light.sum(axis=1)
  assert height[30] > height[10] > height[0]


class Brightest:
  """Answers the brightest of six bands; asked about uint8 images."""

  def __init__(self, axis):
    self.axis = axis

  def __call__(self, images):
    x = np.stack(images).astype(float).mean(axis=(3, 3 - self.axis))
    return np.stack([b.mean(axis=1) for b in np.array_split(x, 6, axis=1)], 1)


def bands(count, axis):
  """uint8 `[count, 12, 12, 1]`: one band in six is bright."""
  images = np.full((count, 12, 12, 1), 40, np.uint8)
  for i, image in enumerate(images.swapaxes(1, axis)):
    image[2 * (i % 6) : 2 * (i % 6) + 2] = 200
  return images


def test_answers_along_a_sequence_give_the_published_statistics():
  images = bands(18, axis=2)  # more than one batch
  scores = sequence_predictions(Brightest(2), images, "translate", 6)
  assert scores.shape == (18, 16, 6)
  classes = scores.argmax(axis=-1)
  np.testing.assert_array_equal(classes[:, 7], np.arange(18) % 6)
  np.testing.assert_array_equal(classes[:6], classes[6:12])
  # Down and up, what moves to the right stays.
  still = sequence_predictions(Brightest(1), bands(3, axis=1), "brightness", 6)
  assert flip_probability(still[:, 8:23].argmax(-1)).max() == 0
  assert flip_probability(classes).min() > 0.2
  assert top5_distance(scores).min() > 0
  noise = sequence_predictions(Brightest(2), images, "gaussian_noise", 6)
  assert (
    flip_probability(
      noise.argmax(-1), noise="gaussian_noise" in suites.NOISE
    ).max()
    == 0
  )


def test_ids_decide_the_noise_not_the_batch():
  images = np.repeat(bands(1, axis=1), 20, axis=0)
  mean = lambda batch: np.stack(batch).reshape(len(batch), -1, 1).astype(float)
  pixels = lambda batch: mean(batch)[:, :5, 0]
  ids = np.arange(20) // 2
  y = sequence_predictions(
    pixels, images, "gaussian_noise", 5, ids=ids, level=3
  )
  np.testing.assert_array_equal(y[::2], y[1::2])
  assert (y[0] != y[2]).any()
  one = sequence_predictions(
    pixels, images[:1], "gaussian_noise", 5, ids=[9], level=3
  )
  np.testing.assert_array_equal(one[0], y[-1])


def test_the_shift_map_is_where_answers_change():
  images = bands(6, axis=2)
  found = shift_map(Brightest(2), images, 6, reach=2, border="wrap")
  np.testing.assert_array_equal(found.original, np.arange(6))
  # Bands are two pixels wide: a shift of two is the next. Of one, half a band
  # is in each of two, and the first of both wins; but one image's is wrapped.
  # What goes down says nothing.
  expected = np.broadcast_to([1, 5 / 6, 0, 1 / 6, 1], (5, 5))
  np.testing.assert_allclose(found.changed, expected)
  np.testing.assert_array_equal(
    found.predictions[:, :, 4].T, [(np.arange(6) + 1) % 6] * 5
  )
  mirrored = shift_map(Brightest(2), images, 6, reach=0, flip="horizontal")
  np.testing.assert_array_equal(mirrored.predictions[:, 0, 0], 5 - np.arange(6))
  assert mirrored.changed == 1
  upside_down = shift_map(Brightest(2), images, 6, reach=0, flip="vertical")
  assert upside_down.changed == 0
  consistent = shift_consistency(found.predictions.reshape(6, -1))
  assert (consistent < 1).all()


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"images": np.zeros((1, 4, 4, 1))}, "expected at least one in uint8"),
    ({"flip": "left"}, "flip = 'left': expected one of none"),
    ({"border": "mirror"}, "border = 'mirror'"),
    ({"reach": -1}, "reach = -1"),
  ],
)
def test_what_no_map_can_be_made_of_is_refused(options, message):
  options = {"images": bands(1, axis=1)} | options
  with pytest.raises(ValueError, match=message):
    shift_map(Brightest(1), num_classes=6, **options)


def test_what_no_sequence_can_be_made_of_is_refused():
  with pytest.raises(ValueError, match="expected at least one in uint8"):
    sequence_predictions(Brightest(1), np.zeros((2, 4, 4, 1)), "rotate", 6)
  with pytest.raises(ValueError, match="no 'rotates'"):
    sequence_predictions(Brightest(1), bands(1, axis=1), "rotates", 6)
