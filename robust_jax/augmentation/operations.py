"""Pillow's operations on images, which learned augmentations are made of.

Each takes x `[B, H, W, C]` in [0, 1], gray or RGB, and a number per image, and
answers images in [0, 1]. They are Pillow's within one gray level, apart from
what is said.
"""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import tree
from robust_jax.corruptions.base import levels
from robust_jax.corruptions.sliding_windows import neighbors
from robust_jax.perturbations import affine
from robust_jax.perturbations.affine import Transform
from robust_jax.perturbations.photometric import luma
from robust_jax.types import Array


def autocontrast(x: Array) -> Array:
  """Each channel stretched so that its darkest is 0 and its lightest 1."""
  low = x.min((1, 2), keepdims=True)
  reach = x.max((1, 2), keepdims=True) - low
  flat = reach == 0
  return jnp.where(flat, x, (x - low) / jnp.where(flat, 1, reach))


def equalize(x: Array) -> Array:
  """Each channel's gray levels changed so that all are about as frequent."""
  level = levels(x).astype(jnp.int32)
  planes = jnp.moveaxis(level, 3, 1).reshape(x.shape[0] * x.shape[3], -1)
  changed = jax.vmap(_equalized)(planes)
  changed = changed.reshape(x.shape[0], x.shape[3], *x.shape[1:3])
  return jnp.moveaxis(changed, 1, 3).astype(x.dtype) / 255


def _equalized(level: Array) -> Array:
  """Levels `[N]` -> levels."""
  count = jnp.bincount(level, length=256)
  step = (len(level) - count[level.max()]) // 255
  below = jnp.cumsum(count) - count
  table = (step // 2 + below) // jnp.maximum(step, 1)
  return jnp.where(step == 0, level, jnp.minimum(table, 255)[level])


def posterize(x: Array, bits: Array) -> Array:
  """Only the first `bits [B]` of 8 bits are kept, 1 to 8."""
  unit = 2.0 ** (8 - tree.expand(bits, x))
  return jnp.floor(levels(x) / unit) * unit / 255


def solarize(x: Array, threshold: Array) -> Array:
  """What is not below the threshold `[B]`, in [0, 1], is inverted."""
  return jnp.where(x >= tree.expand(threshold, x), 1 - x, x)


def color(x: Array, factor: Array) -> Array:
  """Saturation: factor `[B]` 0 is gray, 1 the image."""
  return _blend(luma(x), x, factor)


def contrast(x: Array, factor: Array) -> Array:
  """Distance from the mean gray: factor `[B]` 0 is uniform, 1 the image."""
  return _blend(luma(x).mean((1, 2, 3), keepdims=True), x, factor)


def brightness(x: Array, factor: Array) -> Array:
  """Factor `[B]` 0 is black, 1 the image."""
  return _blend(jnp.zeros_like(x), x, factor)


def sharpness(x: Array, factor: Array) -> Array:
  """Factor `[B]` 0 is smoothed, 1 the image, 2 sharpened; the border stays."""
  planes = jnp.moveaxis(x, 3, 1).reshape(-1, *x.shape[1:3])
  near = neighbors(planes, "edge")
  total = sum(near(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))
  smooth = (total + 4 * planes) / 13
  inside = np.pad(np.ones(np.subtract(x.shape[1:3], 2).clip(0), bool), 1)
  inside = inside[: x.shape[1], : x.shape[2]]
  smooth = jnp.where(inside, smooth, planes)
  smooth = smooth.reshape(x.shape[0], x.shape[3], *x.shape[1:3])
  return _blend(jnp.moveaxis(smooth, 1, 3), x, factor)


def rotate(x: Array, degrees: Array) -> Array:
  """Counter-clockwise by `degrees [B]`, bilinear; the corners are black."""
  return _moved(x, rotation=degrees)


def shear_x(x: Array, slope: Array) -> Array:
  """Rows move by `slope [B]` times their height above the middle."""
  return _moved(x, shear=jnp.rad2deg(jnp.arctan(-slope)))


def shear_y(x: Array, slope: Array) -> Array:
  """Columns move likewise."""
  return shear_x(x.swapaxes(1, 2), slope).swapaxes(1, 2)


def translate_x(x: Array, fraction: Array) -> Array:
  """To the right by a fraction `[B]` of the width; black comes in."""
  pixels = jnp.stack([jnp.zeros_like(fraction), fraction * x.shape[2]], axis=1)
  return _moved(x, translation=pixels)


def translate_y(x: Array, fraction: Array) -> Array:
  """Down by a fraction `[B]` of the height; black comes in."""
  return translate_x(x.swapaxes(1, 2), fraction).swapaxes(1, 2)


def _moved(x: Array, **change: Array) -> Array:
  pset = affine()
  return pset.apply(x, Transform(**(pset.zero(x)._asdict() | change)))


def _blend(from_: Array, to: Array, factor: Array) -> Array:
  return jnp.clip(from_ + tree.expand(factor, to) * (to - from_), 0.0, 1.0)
