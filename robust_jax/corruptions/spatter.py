"""Splashes of water, or of mud, on the lens."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import _canny, _matrices, constants, random
from robust_jax.corruptions.base import corruption, levels
from robust_jax.corruptions.sliding_windows import neighbors
from robust_jax.types import Array, Key

# Mean and deviation of the noise, its blur and threshold; then how bright water
# is (severities 1 to 3), or the blur of the mud's rim (4 and 5).
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
  """Drops of water that glisten (severities 1 to 3), or of mud (4 and 5).

  Drops are the peaks of blurred noise. Gray images take the first channel of
  the liquid's color, as MNIST-C does. Arguments and result as
  `base.corruption` says. One of the four extra corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019. Edges of drops and distances from them
  are those of OpenCV, which the authors use.
  """
  table = constants.rows(_LIQUID, x, size)
  mean, deviation, sigma, threshold, last = constants.pick(table, severity)
  layer = (mean + deviation * draw(keys, x))[..., None]
  layer = _matrices.gaussian_blur(layer, sigma, table[:, 2].max())
  layer = jnp.where(layer < threshold, 0.0, layer)
  max_sigma = table[3:, 4].max()
  return lax.cond(
    jnp.asarray(severity) <= 3,
    lambda: watered(x, layer, last),
    lambda: _muddied(x, layer > threshold, last, max_sigma),
  )


def draw(keys: Key, x: Array) -> Array:
  """Standard normal noise `[B, H, W]`."""
  return random.normal(keys, x.shape[1:3])


def watered(x: Array, layer: Array, strength: Array | float) -> Array:
  """x below drops of water: where `layer [B, H, W, 1]` is above 0."""
  light = strength * _glitter(layer[..., 0])[..., None]
  return x + light * _color(_WATER, x)


def _muddied(x: Array, drops: Array, sigma: Array, max_sigma: float) -> Array:
  mud = _matrices.gaussian_blur(drops.astype(jnp.float32), sigma, max_sigma)
  mud = jnp.where(mud < 0.8, 0.0, mud)
  return x * (1 - mud) + mud * _color(_MUD, x)


def _glitter(layer: Array) -> Array:
  """How bright water is, from 0 to 1 where it is brightest, `[B, H, W]`."""
  layer = levels(layer)
  down, right = _canny.sobel(layer, "edge")
  steepness = jnp.abs(down) + jnp.abs(right)
  thin = (steepness > 50) & _canny.steeper_than_beside(down, right)
  apart = _sum_of_nine(_distance(_canny.edges(thin, steepness > 150)))
  relief = _equalized(apart // (9 * _UNIT))
  near = neighbors(relief, "reflect")
  relief = sum(weight * near(i, j) for (i, j), weight in _EMBOSS.items())
  relief = jnp.round(_sum_of_nine(jnp.clip(relief, 0, 255)) / 9)
  light = layer * relief
  brightest = light.max(axis=(1, 2), keepdims=True)
  return light / jnp.where(brightest == 0, 1, brightest)


def _distance(found: Array) -> Array:
  """To the nearest pixel found, `_FAR` at most, in units of 2^-16 pixels.

  That of OpenCV's mask of 5 x 5: by steps to the side, aslant and as a knight
  moves. The order of steps does not matter: those along rows come first, then
  all that lead downward, or upward.

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
  """Distances `[B, W]` of a row from those of the last two, and its own."""
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
  """Whole levels 0..255, changed so that all are about as frequent.

  What the darkest pixels have becomes 0; an image of one level stays.
  """
  count = y.shape[1] * y.shape[2]
  flat = y.reshape(len(y), -1)
  # Distances have few levels: counting each is faster than a histogram.
  up_to = (flat[:, None] <= np.arange(_FAR + 1)[:, None]).sum(2)
  darkest = jnp.take_along_axis(up_to, flat.min(1, keepdims=True), axis=1)
  scale = 255 / jnp.maximum(count - darkest, 1)
  changed = jnp.round((up_to - darkest) * scale)
  changed = jnp.take_along_axis(changed, flat, axis=1)
  return jnp.where(darkest == count, flat, changed).reshape(y.shape)


def _sum_of_nine(y: Array) -> Array:
  near = neighbors(y, "reflect")
  return sum(near(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))


def _color(color: np.ndarray, x: Array) -> Array:
  return jnp.asarray(color[: x.shape[-1]], jnp.float32)
