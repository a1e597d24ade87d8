"""Geometric corruptions of MNIST-C: rotation, scale, shear, translation."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.base import corruption
from robust_jax.types import Array, Key

_ROTATE_RADIANS = {28: (0.2, 0.4, 0.6, 0.8, 1.0)}


@corruption
def rotate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Rotation about the center, in a random direction; corners are black.

  See `base.corruption` for arguments and result.

  Source: Mu and Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer
    Vision", severity 2.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> y = jax.jit(corruptions.rotate)(keys, jax.numpy.ones((1, 9, 9, 1)), 5)
    >>> y[0, 4, 4, 0].item(), y[0, 0, 0, 0].item()
    (1.0, 0.0)
  """
  return affine_maps.about_center(x, *_rotation(keys, x, severity, size=size))


def _rotation(keys, x, severity, *, size=None):
  angle = constants.pick(constants.rows(_ROTATE_RADIANS, x, size), severity)
  cos, sin = jnp.cos(angle), jnp.sin(angle) * draw_rotate(keys, x)
  cos = jnp.broadcast_to(cos, sin.shape)
  rows = jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)
  return jnp.stack(rows, axis=-2), 0.0


def draw_rotate(keys: Key, x: Array) -> Array:
  """Draws the directions `[B]`: -1 or 1."""
  del x
  return affine_maps.signs(keys)


_FRACTION = {28: (0.9, 0.8, 0.7, 0.6, 0.5)}


@corruption
def scale(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Reduces the image to a fraction of its size, with a black border.

  See `base.corruption` for arguments and result. Deterministic.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 3.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> y = jax.jit(corruptions.scale)(keys, jax.numpy.ones((1, 9, 9, 1)), 5)
    >>> y[0, 4, 4, 0].item(), y[0, 0, 0, 0].item()
    (1.0, 0.0)
  """
  return affine_maps.about_center(x, *_reduction(keys, x, severity, size=size))


def _reduction(keys, x, severity, *, size=None):
  del keys
  fraction = constants.pick(constants.rows(_FRACTION, x, size), severity)
  return jnp.eye(2) / fraction, 0.0


_SHEAR_RADIANS = {28: (0.2, 0.4, 0.6, 0.8, 1.0)}


@corruption
def shear(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Shear: verticals lean by an angle in a random direction; corners are black.

  Verticals keep their length, so the image becomes lower. See `base.corruption`
  for arguments and result.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 2.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> y = jax.jit(corruptions.shear)(keys, jax.numpy.ones((1, 9, 9, 1)), 5)
    >>> sorted(y[0, 0, [0, 8], 0].tolist())  # the upper corners
    [0.0, 1.0]
  """
  return affine_maps.about_center(x, *_shear(keys, x, severity, size=size))


def _shear(keys, x, severity, *, size=None):
  angle = constants.pick(constants.rows(_SHEAR_RADIANS, x, size), severity)
  cos, sin = jnp.cos(angle), jnp.sin(angle) * draw_shear(keys, x)
  one, nothing = jnp.ones_like(sin), jnp.zeros_like(sin)
  rows = jnp.stack([one, -sin], -1), jnp.stack([nothing, cos * one], -1)
  return jnp.stack(rows, axis=-2), 0.0


def draw_shear(keys: Key, x: Array) -> Array:
  """Draws the directions `[B]`: -1 or 1."""
  del x
  return affine_maps.signs(keys)


_SIZE = 28  # the image size to which the pixels below refer
_PIXELS = {_SIZE: (1, 2, 3, 4, 5)}


@corruption
def translate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Translation along both axes in random directions; black is shifted in.

  The shift is a whole number of pixels of an image of 28, and the same fraction
  of other sizes, with bilinear interpolation where it is not whole. See
  `base.corruption` for arguments and result.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 3.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.zeros((1, 28, 28, 1)).at[:, 14, 14].set(1.0)
    >>> y = jax.jit(corruptions.translate)(keys, x, 3)[0, ..., 0]
    >>> [abs(i - 14) for i in divmod(int(y.argmax()), 28)]
    [3, 3]
  """
  return affine_maps.about_center(
    x, *_translation(keys, x, severity, size=size)
  )


def _translation(keys, x, severity, *, size=None):
  pixels = constants.pick(constants.rows(_PIXELS, x, size), severity)
  sizes = jnp.array([x.shape[2], x.shape[1]], jnp.float32)
  return jnp.eye(2), pixels * sizes / _SIZE * draw_translate(keys, x)


def draw_translate(keys: Key, x: Array) -> Array:
  """Draws the directions along both axes, `[B, 2]`: -1 or 1."""
  del x
  return affine_maps.signs(keys, (2,))


rotate_points = affine_maps.of_points(_rotation)
scale_points = affine_maps.of_points(_reduction)
shear_points = affine_maps.of_points(_shear)
translate_points = affine_maps.of_points(_translation)
