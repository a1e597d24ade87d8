"""Laws of every sequence; they are discovered, not listed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.corruptions import random
from robust_jax.corruptions.sequences import suites

NAMES = lookup.members("corruptions.sequences")
IDS = np.array([7, 2**32 - 1])
# Where each frame is the image itself.
UNCHANGED = {
  "gaussian_noise": 0,
  "shot_noise": 0,
  "speckle_noise": 0,
  "zoom_blur": 0,
  "brightness": 15,
  "rotate": 15,
  "tilt": 15,
  "shear": 15,
  "translate": 7,
  "scale": 15,
}


@functools.cache
def images():
  """Smooth images `[2, 12, 15, 3]`, not square, in 8 bits."""
  rows, columns = np.indices((12, 15)) / 4
  phase = np.arange(6).reshape(2, 1, 1, 3)
  waves = np.sin(rows[..., None] + phase) * np.cos(columns[..., None] - phase)
  return (np.round(255 * (0.5 + 0.4 * waves)) / 255).astype(np.float32)


@functools.cache
def compiled(name):
  return jax.jit(lookup.find("corruptions.sequences", name))


def frames(name, order=(0, 1)):
  order = list(order)
  keys = random.image_keys(0, IDS[order], name, 1)
  return np.asarray(compiled(name)(keys, images()[order]))


def test_sequences_are_found():
  assert set(NAMES) == {*suites.IMAGENET_P, *suites.IMAGENET_P_EXTRA}
  assert set(suites.NOISE) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestSequence:
  def test_frames_are_images_in_8_bits(self, name):
    y = frames(name)
    expected = {"translate": 16, "motion_blur": 21}.get(name, 31)
    assert y.shape == (2, expected, *images().shape[1:])
    levels = 255 * y.astype(float)
    assert 0 <= levels.min() < levels.max() <= 255
    assert np.abs(levels - np.round(levels)).max() < 2e-5  # of float32 at 255

  def test_frames_differ_and_one_of_them_is_the_image(self, name):
    y = frames(name)
    changes = np.abs(np.diff(y, axis=1)).max(axis=(0, 2, 3, 4))
    # The first zooms and blurs are less than a gray level of smooth images.
    assert (changes > 1e-6).mean() > 0.7
    if name in UNCHANGED:
      # Truncated: a level that is missed by rounding is one lower.
      still = y[:, UNCHANGED[name]]
      assert np.abs(still - images()).max() < 1.01 / 255

  def test_is_a_function_of_the_image_and_its_key(self, name):
    y = frames(name)
    np.testing.assert_array_equal(frames(name, (1, 0)), y[::-1])

  def test_large_gray_images_and_other_dtypes_have_their_own_constants(
    self, name
  ):
    x = jax.ShapeDtypeStruct((2, 200, 210, 1), jnp.bfloat16)
    keys = random.image_keys(0, IDS, name, 1)
    y = jax.eval_shape(lookup.find("corruptions.sequences", name), keys, x)
    count = 41 if name == "translate" else 31
    assert (y.shape, y.dtype) == ((2, count, 200, 210, 1), x.dtype)

  def test_bad_input_is_refused(self, name):
    make = lookup.find("corruptions.sequences", name)
    keys = random.image_keys(0, IDS, name, 1)
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
      make(keys, 255 * images())
    with pytest.raises(ValueError, match="one typed key per image"):
      make(keys[:1], images())
    if name in suites.NOISE:
      with pytest.raises(ValueError, match="level = 4: expected 1, 2 or 3"):
        make(keys, images(), level=4)
