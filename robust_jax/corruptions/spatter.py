"""Spatter of water or mud on the lens."""

from collections.abc import Iterable
from typing import cast

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import _canny, constants, matrices, random
from robust_jax.corruptions.base import corruption, levels
from robust_jax.corruptions.sliding_windows import neighbors
from robust_jax.types import Array, Key

# Mean and standard deviation of the noise, its blur and threshold; then the
# brightness of water (severities 1 to 3) or the blur of the mud's edge (4, 5).
_LIQUID = {
  299: (
    (0.65, 0.3, 4, 0.69, 0.9),
    (0.65, 0.3, 3.5, 0.68, 0.9),
    (0.65, 0.3, 3, 0.68, 0.8),
    (0.65, 0.3, 1.2, 0.65, 1.8),
    (0.67, 0.4, 1.2, 0.65, 1.8),
  ),
  224: (
    (0.65, 0.3, 4, 0.69, 0.6),
    (0.65, 0.3, 3, 0.68, 0.6),
    (0.65, 0.3, 2, 0.68, 0.5),
    (0.65, 0.3, 1, 0.65, 1.5),
    (0.67, 0.4, 1, 0.65, 1.5),
  ),
  64: (
    (0.62, 0.1, 0.7, 0.7, 0.6),
    (0.65, 0.1, 0.8, 0.7, 0.6),
    (0.65, 0.3, 1, 0.69, 0.6),
    (0.65, 0.1, 0.7, 0.68, 0.6),
    (0.65, 0.1, 0.5, 0.67, 0.6),
  ),
  32: (
    (0.62, 0.1, 0.7, 0.7, 0.5),
    (0.65, 0.1, 0.8, 0.7, 0.5),
    (0.65, 0.3, 1, 0.69, 0.5),
    (0.65, 0.1, 0.7, 0.69, 0.6),
    (0.65, 0.1, 0.5, 0.68, 0.6),
  ),
}
_WATER = np.array([175, 238, 238]) / 255
_MUD = np.array([63, 42, 20]) / 255
_FAR = 20  # pixels from an edge, beyond which all is the same
# Steps of 1, 1.4 and 2.1969 pixels as OpenCV has them.
_UNIT = 2**16
_STRAIGHT, _ASLANT, _KNIGHT = _UNIT, 91750, 143976
_EMBOSS = {(-1, -1): -2, (-1, 0): -1, (0, -1): -1, (0, 0): 1, (0, 1): 1}
_EMBOSS |= {(1, 0): 1, (1, 1): 2}


@corruption
def spatter(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Spatter: glistening drops of water (severities 1 to 3) or mud (4 and 5).

  Drops are the peaks of blurred noise. Gray images use the first channel of the
  liquid's color, as in MNIST-C. See `base.corruption` for arguments and result.
  One of the four extra corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019. Edges of drops and the distances from
    them are computed as by OpenCV, which the authors use.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.spatter, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  table = constants.rows(_LIQUID, x, size)
  mean, deviation, sigma, threshold, last = constants.pick(table, severity)
  layer = (mean + deviation * draw(keys, x))[..., None]
  layer = matrices.gaussian_blur(layer, sigma, table[:, 2].max())
  layer = jnp.where(layer < threshold, 0.0, layer)
  max_sigma = table[3:, 4].max()
  return lax.cond(
    jnp.asarray(severity) <= 3,
    lambda: add_water(x, layer, last),
    lambda: _add_mud(x, layer > threshold, last, max_sigma),
  )


def draw(keys: Key, x: Array) -> Array:
  """Draws standard normal noise `[B, H, W]`."""
  return random.normal(keys, x.shape[1:3])


def add_water(x: Array, layer: Array, strength: Array | float) -> Array:
  """Adds drops of water to x where `layer [B, H, W, 1]` is positive."""
  light = strength * _glitter(layer[..., 0])[..., None]
  return x + light * _color(_WATER, x)


def _add_mud(x: Array, drops: Array, sigma: Array, max_sigma: float) -> Array:
  mud = matrices.gaussian_blur(drops.astype(jnp.float32), sigma, max_sigma)
  mud = jnp.where(mud < 0.8, 0.0, mud)
  return x * (1 - mud) + mud * _color(_MUD, x)


def _glitter(layer: Array) -> Array:
  """Returns the brightness of water, `[B, H, W]`, with a maximum of 1."""
  layer = levels(layer)
  down, right = _canny.sobel(layer, "edge")
  steepness = jnp.abs(down) + jnp.abs(right)
  thin = (steepness > 50) & _canny.steeper_than_beside(down, right)
  apart = _sum_of_nine(_distance(_canny.edges(thin, steepness > 150)))
  relief = _equalized(apart // (9 * _UNIT))
  near = neighbors(relief, "reflect")
  relief = _sum(weight * near(i, j) for (i, j), weight in _EMBOSS.items())
  relief = jnp.round(_sum_of_nine(jnp.clip(relief, 0, 255)) / 9)
  light = layer * relief
  brightest = light.max(axis=(1, 2), keepdims=True)
  return light / jnp.where(brightest == 0, 1, brightest)


def _distance(found: Array) -> Array:
  """Returns the distance to the nearest pixel found, in units of 2^-16 pixels.

  It is that of OpenCV's 5 x 5 mask, composed of straight, diagonal and knight's
  moves, and at most `_FAR`. The order of moves does not matter: those along
  rows come first, then all that lead downward, or all that lead upward.

  Args:
    found: `[B, H, W]` bool.
  """
  place = jnp.arange(found.shape[2]) * _STRAIGHT
  apart = jnp.where(found, 0, _FAR * _UNIT)
  apart = jnp.minimum(
    lax.cummin(apart - place, 2) + place,
    lax.cummin(apart + place, 2, reverse=True) - place,
  )
  rows = jnp.moveaxis(apart, 1, 0)
  down = lax.scan(_next_row, (rows[0], rows[0]), rows)[1]
  up = lax.scan(_next_row, (rows[-1], rows[-1]), rows, reverse=True)[1]
  return jnp.moveaxis(jnp.minimum(down, up), 0, 1)


def _next_row(last, row):
  """Returns the distances `[B, W]` of a row, given those of two rows before."""
  width, far = row.shape[1], _FAR * _UNIT
  one, two = (jnp.pad(y, ((0, 0), (2, 2)), constant_values=far) for y in last)
  at = lambda y, i: y[:, 2 + i : 2 + i + width]
  row = jnp.minimum(row, at(one, 0) + _STRAIGHT)
  for side in (-1, 1):
    row = jnp.minimum(row, at(one, side) + _ASLANT)
    row = jnp.minimum(row, at(one, 2 * side) + _KNIGHT)
    row = jnp.minimum(row, at(two, side) + _KNIGHT)
  return (row, last[0]), row


def _equalized(y: Array) -> Array:
  """Histogram equalization of whole levels 0..255.

  The darkest level becomes 0; an image of one level is unchanged.
  """
  count = y.shape[1] * y.shape[2]
  flat = y.reshape(len(y), -1)
  # There are few distances: counting each is faster than a histogram.
  up_to = (flat[:, None] <= np.arange(_FAR + 1)[:, None]).sum(2)
  darkest = jnp.take_along_axis(up_to, flat.min(1, keepdims=True), axis=1)
  scale = 255 / jnp.maximum(count - darkest, 1)
  changed = jnp.round((up_to - darkest) * scale)
  changed = jnp.take_along_axis(changed, flat, axis=1)
  return jnp.where(darkest == count, flat, changed).reshape(y.shape)


def _sum_of_nine(y: Array) -> Array:
  near = neighbors(y, "reflect")
  return _sum(near(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))


def _sum(terms: Iterable[Array]) -> Array:
  return cast(Array, sum(terms))


def _color(color: np.ndarray, x: Array) -> Array:
  return jnp.asarray(color[: x.shape[-1]], jnp.float32)
