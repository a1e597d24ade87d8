"""Laws of every augmentation and mixing; they are discovered, not listed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import augmentation, lookup, perturbations
from tests.contract.samples import called

AUGMENTATIONS = "augmentation"
MIXINGS = "augmentation.mixing"
# What factories have no default of; a cheap one of each kind.
SAMPLES = {
  "augmentation": augmentation.flip(),
  "augmentations": [augmentation.flip(), augmentation.cutout(4)],
  "pset": perturbations.photometric(),
  "corruption": "gaussian_noise",
}
KEY, OTHER = jax.random.key(0), jax.random.key(1)
B = 12

each_augmentation = pytest.mark.parametrize(
  "name", lookup.members(AUGMENTATIONS)
)
each_mixing = pytest.mark.parametrize("name", lookup.members(MIXINGS))


@functools.cache
def images():
  """Of noise, but the last four: black, white, and halves of both."""
  x = np.random.default_rng(0).random((B, 9, 13, 3), np.float32)
  x[-4:] = np.float32([0, 1, 0, 1])[:, None, None, None]
  x[-2, :, ::2], x[-1, ::2] = 1, 0
  return x


@functools.cache
def made(name):
  return called(lookup.find(AUGMENTATIONS, name), SAMPLES)


@functools.cache
def compiled(name):
  """(jitted augmentation, the list that a trace adds to)."""
  augment, traces = made(name), []

  @jax.jit
  def program(key, x):
    traces.append(1)
    return augment(key, x)

  return program, traces


@each_augmentation
def test_images_stay_images_at_the_edges_of_the_box_too(name):
  augment, x = compiled(name)[0], images()
  for key in (KEY, OTHER):
    y = np.asarray(augment(key, x))
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert np.all((y >= 0) & (y <= 1))
  for shape in ((7, 8, 8, 1), (1, 2, 3, 3)):  # gray, and one example
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    y = jax.eval_shape(made(name), KEY, x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)


@each_augmentation
def test_it_is_a_function_of_its_key_that_compiles_once(name):
  augment, traces = compiled(name)
  one = augment(KEY, images())
  before = len(traces)  # more than one if the caches were cleared in between
  again, other = (augment(key, images()) for key in (KEY, OTHER))
  np.testing.assert_array_equal(one, again)
  assert not np.array_equal(one, other)
  assert len(traces) == before


@each_augmentation
def test_neighbors_change_nothing(name):
  augment, stay = compiled(name)[0], np.array([0, 5, 11])
  neighbors = 1 - images()
  neighbors[stay] = images()[stay]
  np.testing.assert_array_equal(
    augment(KEY, images())[stay], augment(KEY, neighbors)[stay]
  )


@each_augmentation
def test_examples_are_not_all_changed_alike(name):
  same = np.repeat(images()[:1], B, axis=0)
  found = [compiled(name)[0](key, same) for key in (KEY, OTHER)]
  assert any(len(np.unique(y, axis=0)) > 1 for y in found)


@each_augmentation
def test_under_vmap_it_is_a_function_of_each_image_and_its_key(name):
  """As `defenses.views` asks it, one image at a time."""
  augment = made(name)
  mapped = jax.jit(jax.vmap(lambda key, image: augment(key, image[None])[0]))
  keys, x = jax.random.split(KEY), images()[:2]
  y = mapped(keys, x)
  np.testing.assert_array_equal(mapped(keys[::-1], x[::-1]), y[::-1])
  assert np.all((y >= 0) & (y <= 1))


@functools.cache
def mixing(name):
  return jax.jit(called(lookup.find(MIXINGS, name), {}))


@each_mixing
def test_mixed_images_and_labels_are_images_and_labels(name):
  x, labels = images(), np.eye(B, dtype=np.float32)
  half = (labels + labels[::-1]) / 2  # mixed already
  for key in (KEY, OTHER):
    for given in (labels, half):
      y, mixed = mixing(name)(key, x, given)
      assert (y.shape, y.dtype) == (x.shape, x.dtype)
      assert np.all((y >= 0) & (y <= 1))
      assert mixed.shape == labels.shape
      assert np.all((mixed >= 0) & (mixed <= 1))
      np.testing.assert_allclose(np.sum(mixed, axis=1), 1, rtol=1e-6)
  one, again, other = (
    mixing(name)(key, x, labels) for key in (KEY, KEY, OTHER)
  )
  jax.tree.map(np.testing.assert_array_equal, one, again)
  assert not np.array_equal(one[0], other[0])
  assert len(np.unique(one[1].max(axis=1))) > 3  # each image is mixed anew


@each_mixing
def test_what_is_mixed_is_mixed_by_the_labels(name):
  # Constant images: what an image shows on average, its labels must say.
  values = jnp.arange(16.0) / 15
  x = jnp.broadcast_to(values[:, None, None, None], (16, 8, 8, 1))
  y, labels = mixing(name)(KEY, x, jnp.eye(16))
  np.testing.assert_allclose(
    y.mean((1, 2, 3)), labels @ values, rtol=0, atol=1e-5
  )


@each_mixing
def test_one_image_is_mixed_with_itself(name):
  x, labels = images()[:1], np.float32([[0.25, 0.75]])
  y, mixed = mixing(name)(KEY, x, labels)
  np.testing.assert_allclose(y, x, rtol=1e-6)
  np.testing.assert_allclose(mixed, labels, rtol=1e-6)
