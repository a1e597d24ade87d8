"""Laws of every corruption; they are discovered, not listed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.corruptions import random, suites

NAMES = lookup.members("corruptions")
IDS = np.array([7, 3, 2**32 - 1])
# Sums may be taken in another order where the batch is of another size, and a
# value that is a gray level but for rounding is then truncated to the next.
ONE_LEVEL = 1.01 / 255


@functools.cache
def _images():
  """Smooth images `[3, 9, 13, 3]`, neither square nor of even sides."""
  rows, columns = np.indices((9, 13)) / 4
  phase = np.arange(9).reshape(3, 1, 1, 3)
  waves = np.sin(rows[..., None] + phase) * np.cos(columns[..., None] - phase)
  return (np.round(255 * (0.5 + 0.4 * waves)) / 255).astype(np.float32)


@functools.cache
def _compiled(name):
  """(jitted corruption, the list that a trace adds to)."""
  corrupt, traces = lookup.find("corruptions", name), []

  @jax.jit
  def program(keys, x, severity):
    traces.append(1)
    return corrupt(keys, x, severity)

  return program, traces


def _corrupted(name, severity, order=(0, 1, 2)):
  order = list(order)
  keys = random.image_keys(0, IDS[order], name, severity)
  return _compiled(name)[0](keys, _images()[order], severity)


def test_corruptions_are_found():
  published = {*suites.IMAGENET_C, *suites.IMAGENET_C_EXTRA, *suites.MNIST_C}
  assert published <= set(NAMES)


@pytest.mark.parametrize(
  "name",
  ["frost", "gaussian_blur", "glass_blur", "motion_blur", "snow", "zoom_blur"],
)
def test_images_at_once_are_images_one_by_one(name):
  """As accelerators and CPUs take those, see `corruptions._each_image`."""
  corrupt = lookup.find("corruptions", name)
  alone = lambda key, x: corrupt(key[None], x[None], 4)[0]
  at_once = jax.jit(jax.vmap(alone))(
    random.image_keys(0, IDS, name, 4), _images()
  )
  expected = _corrupted(name, 4)
  assert np.abs(at_once - expected).max() <= ONE_LEVEL
  assert np.mean(at_once != expected) < 0.01


@pytest.mark.parametrize("name", NAMES)
class TestCorruption:
  def test_keeps_shape_dtype_and_range_in_8_bits(self, name):
    y = _corrupted(name, 3)
    assert (y.shape, y.dtype) == (_images().shape, jnp.float32)
    levels = 255 * np.asarray(y, np.float64)
    assert levels.min() >= 0
    assert levels.max() <= 255
    # float32 is that fine at 255.
    assert np.abs(levels - np.round(levels)).max() < 2e-5

  def test_keeps_gray_and_tiny_images_and_other_dtypes(self, name):
    # Traced only: the agreement with references runs on gray images too.
    corrupt = lookup.find("corruptions", name)
    for shape, dtype in (((2, 28, 28, 1), jnp.bfloat16), ((1, 2, 1, 3), "f4")):
      x = jax.ShapeDtypeStruct(shape, dtype)
      keys = random.image_keys(0, IDS[: shape[0]], name, 1)
      y = jax.eval_shape(corrupt, keys, x, jnp.int32(1))
      assert (y.shape, y.dtype) == (x.shape, x.dtype)

  def test_even_the_weakest_changes_images(self, name):
    # Divided by 255, a level may differ in its last bit.
    changed = np.abs(_corrupted(name, 1) - _images()) > 1e-6
    assert changed.any() == (name != "identity")

  def test_all_severities_are_one_program(self, name):
    for severity in range(1, 6):
      _corrupted(name, severity)
    traced = len(_compiled(name)[1])
    for severity in range(1, 6):
      _corrupted(name, severity)
    assert traced == len(_compiled(name)[1]) <= 2  # of 3 images, of 1

  def test_is_a_function_of_the_image_and_its_key(self, name):
    whole = _corrupted(name, 4)
    np.testing.assert_array_equal(whole, _corrupted(name, 4))
    turned = _corrupted(name, 4, order=(2, 0, 1))
    np.testing.assert_array_equal(turned, whole[np.array([2, 0, 1])])
    alone = _corrupted(name, 4, order=(1,))[0]
    assert np.abs(alone - whole[1]).max() <= ONE_LEVEL
    assert np.mean(alone != whole[1]) < 0.01

  def test_bad_input_is_refused(self, name):
    corrupt = lookup.find("corruptions", name)
    keys, x = random.image_keys(0, IDS, name, 1), _images()
    for severity in (0, 6, 2.5):
      with pytest.raises(ValueError, match=r"severity = .*from 1 to 5"):
        corrupt(keys, x, severity)
    for shape in ((3, 9, 13), (3, 9, 13, 4)):
      with pytest.raises(ValueError, match=r"\[B, H, W, 3\] in RGB"):
        corrupt(keys, np.zeros(shape, np.float32), 1)
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
      corrupt(keys, 255 * x, 1)
    with pytest.raises(ValueError, match="one typed key per image"):
      corrupt(keys[:2], x, 1)
    with pytest.raises(ValueError, match="one typed key per image"):
      corrupt(jax.random.key_data(keys), x, 1)
