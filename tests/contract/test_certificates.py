"""Laws of every certificate; they are discovered, not listed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup
from tests.contract.samples import called

PACKAGE = "certificates"
KEY = jax.random.key(0)
B, D = 8, 6
WEIGHTS = jax.random.normal(KEY, (D, 2))
X = jax.random.uniform(jax.random.key(1), (B, D), minval=0.3, maxval=0.7)
SAMPLES = {"sigma": 0.2, "n": 2000}

each_certificate = pytest.mark.parametrize("name", lookup.members(PACKAGE))


def affine(scale, x):
  return scale * ((x - 0.5) @ WEIGHTS)


def model(scale=1.0):
  return jax.tree_util.Partial(affine, jnp.float32(scale))


LABELS = model()(X).argmax(axis=1)


def distance(norm):
  """Of each image to the plane between the two classes."""
  logits = np.asarray(model()(X))
  normal = np.asarray(WEIGHTS[:, 0] - WEIGHTS[:, 1])
  dual = {"l2": 2, "linf": 1}[norm]
  return np.abs(logits[:, 0] - logits[:, 1]) / np.linalg.norm(normal, dual)


@functools.cache
def certificate(name):
  return called(lookup.find(PACKAGE, name), SAMPLES)


def radii(name, x=X, labels=LABELS, scale=1.0, key=KEY):
  return certificate(name).radii(key, model(scale), x, labels)


@each_certificate
def test_it_is_a_radius_for_each_image_and_never_beyond_the_plane(name):
  found = radii(name)
  assert (found.shape, found.dtype) == ((B,), np.float64)
  assert (found <= distance(certificate(name).norm)).all()
  assert (found > 0).any()


@each_certificate
def test_a_wrong_answer_has_none(name):
  assert (radii(name, labels=1 - LABELS) == -1).all()


@each_certificate
def test_the_scale_of_the_logits_does_not_matter(name):
  np.testing.assert_allclose(radii(name, scale=1024.0), radii(name), atol=1e-3)


@each_certificate
def test_the_same_key_gives_the_same_bits_whatever_the_neighbors(name):
  found = radii(name)
  np.testing.assert_array_equal(radii(name), found)
  others = jnp.where(jnp.arange(B)[:, None] < 3, X, 1 - X)
  np.testing.assert_array_equal(radii(name, x=others)[:3], found[:3])


@each_certificate
def test_images_out_of_the_box_are_refused(name):
  with pytest.raises(ValueError, match="images with values from"):
    radii(name, x=255 * X)
