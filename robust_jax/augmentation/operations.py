"""Pillow's image operations, from which learned augmentations are composed.

Each takes images x `[B, H, W, C]` in [0, 1], gray or RGB, and one number per
image `[B]`, and returns images in [0, 1]. Unless stated otherwise they agree
with Pillow within one gray level.
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
  """Stretches each channel so that its minimum is 0 and its maximum 1."""
  low = x.min((1, 2), keepdims=True)
  reach = x.max((1, 2), keepdims=True) - low
  flat = reach == 0
  return jnp.where(flat, x, (x - low) / jnp.where(flat, 1, reach))


def equalize(x: Array) -> Array:
  """Equalizes the histogram of gray levels of each channel."""
  level = levels(x).astype(jnp.int32)
  planes = jnp.moveaxis(level, 3, 1).reshape(x.shape[0] * x.shape[3], -1)
  changed = jax.vmap(_equalized)(planes)
  changed = changed.reshape(x.shape[0], x.shape[3], *x.shape[1:3])
  return jnp.moveaxis(changed, 1, 3).astype(x.dtype) / 255


def _equalized(level: Array) -> Array:
  """Equalizes levels `[N]`."""
  count = jnp.bincount(level, length=256)
  step = (len(level) - count[level.max()]) // 255
  below = jnp.cumsum(count) - count
  table = (step // 2 + below) // jnp.maximum(step, 1)
  return jnp.where(step == 0, level, jnp.minimum(table, 255)[level])


def posterize(x: Array, bits: Array) -> Array:
  """Keeps the first `bits [B]` of 8 bits, from 1 to 8."""
  unit = 2.0 ** (8 - tree.expand(bits, x))
  return jnp.floor(levels(x) / unit) * unit / 255


def solarize(x: Array, threshold: Array) -> Array:
  """Inverts values that are at least `threshold [B]`, in [0, 1]."""
  return jnp.where(x >= tree.expand(threshold, x), 1 - x, x)


def color(x: Array, factor: Array) -> Array:
  """Changes the saturation: a factor `[B]` of 0 is gray, 1 the image."""
  return _blend(luma(x), x, factor)


def contrast(x: Array, factor: Array) -> Array:
  """Changes the contrast: a factor `[B]` of 0 is the mean gray, 1 the image."""
  return _blend(luma(x).mean((1, 2, 3), keepdims=True), x, factor)


def brightness(x: Array, factor: Array) -> Array:
  """Changes the brightness: a factor `[B]` of 0 is black, 1 the image."""
  return _blend(jnp.zeros_like(x), x, factor)


def sharpness(x: Array, factor: Array) -> Array:
  """Changes the sharpness: a factor `[B]` of 0 is smoothed, 1 the image.

  A factor of 2 is sharpened. The border pixels are unchanged.
  """
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
  """Rotates counter-clockwise by `degrees [B]`; corners are black."""
  return _warp(x, rotation=degrees)


def shear_x(x: Array, slope: Array) -> Array:
  """Shifts each row by `slope [B]` times its height above the center."""
  return _warp(x, shear=jnp.rad2deg(jnp.arctan(-slope)))


def shear_y(x: Array, slope: Array) -> Array:
  """Shifts each column, likewise."""
  return shear_x(x.swapaxes(1, 2), slope).swapaxes(1, 2)


def translate_x(x: Array, fraction: Array) -> Array:
  """Shifts right by a fraction `[B]` of the width; black is shifted in."""
  pixels = jnp.stack([jnp.zeros_like(fraction), fraction * x.shape[2]], axis=1)
  return _warp(x, translation=pixels)


def translate_y(x: Array, fraction: Array) -> Array:
  """Shifts down by a fraction `[B]` of the height; black is shifted in."""
  return translate_x(x.swapaxes(1, 2), fraction).swapaxes(1, 2)


def _warp(x: Array, **change: Array) -> Array:
  pset = affine()
  return pset.apply(x, Transform(**(pset.zero(x)._asdict() | change)))


def _blend(from_: Array, to: Array, factor: Array) -> Array:
  return jnp.clip(from_ + tree.expand(factor, to) * (to - from_), 0.0, 1.0)
