"""Splashes of water, or of mud, on the lens."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import canny, constants, draws, matrices
from robust_jax.corruptions.signature import corruption, levels
from robust_jax.corruptions.windows import neighbours
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
_EMBOSS = {(-1, -1): -2, (-1, 0): -1, (0, -1): -1, (0, 0): 1, (0, 1): 1}
_EMBOSS |= {(1, 0): 1, (1, 1): 2}


@corruption
def spatter(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Drops of water that glisten (severities 1 to 3), or of mud (4 and 5).

  Drops are the peaks of blurred noise. Grey images take the first channel of
  the liquid's colour, as MNIST-C does. Arguments and result as
  `signature.corruption` says. One of the four extra corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019. Deviation: edges of drops are thinned
  and distances measured exactly, where OpenCV rounds directions to 45 degrees
  and distances to those of a 5 x 5 mask.
  """
  table = constants.rows(_LIQUID, x, size)
  mean, deviation, sigma, threshold, last = constants.pick(table, severity)
  layer = (mean + deviation * draw(keys, x))[..., None]
  layer = matrices.gaussian_blur(layer, sigma, table[:, 2].max())
  layer = jnp.where(layer < threshold, 0.0, layer)
  max_sigma = table[3:, 4].max()
  return lax.cond(
    jnp.asarray(severity) <= 3,
    lambda: watered(x, layer, last),
    lambda: _muddied(x, layer > threshold, last, max_sigma),
  )


def draw(keys: Key, x: Array) -> Array:
  """Standard normal noise `[B, H, W]`."""
  return draws.normal(keys, x.shape[1:3])


def watered(x: Array, layer: Array, strength: Array | float) -> Array:
  """x below drops of water: where `layer [B, H, W, 1]` is above 0."""
  light = strength * _glitter(layer[..., 0])[..., None]
  return x + light * _colour(_WATER, x)


def _muddied(x: Array, drops: Array, sigma: Array, max_sigma: float) -> Array:
  mud = matrices.gaussian_blur(drops.astype(jnp.float32), sigma, max_sigma)
  mud = jnp.where(mud < 0.8, 0.0, mud)
  return x * (1 - mud) + mud * _colour(_MUD, x)


def _glitter(layer: Array) -> Array:
  """How bright water is, from 0 to 1 where it is brightest, `[B, H, W]`."""
  layer = levels(layer)
  down, right = canny.sobel(layer, "edge")
  steepness = jnp.abs(down) + jnp.abs(right)
  rims = canny.edges(down, right, steepness, steepness > 50, steepness > 150)
  relief = _equalised(jnp.floor(_mean_of_nine(_distance(rims)) + 1e-3))
  near = neighbours(relief, "reflect")
  relief = sum(weight * near(i, j) for (i, j), weight in _EMBOSS.items())
  relief = jnp.round(_mean_of_nine(jnp.clip(relief, 0, 255)))
  light = layer * relief
  brightest = light.max(axis=(1, 2), keepdims=True)
  return light / jnp.where(brightest == 0, 1, brightest)


def _distance(found: Array) -> Array:
  """To the nearest pixel found, in pixels, at most `_FAR`; `[B, H, W]`."""
  width = found.shape[2]
  apart = jnp.where(found, 0.0, _FAR)

  def along_columns(_, apart):
    padded = jnp.pad(apart, ((0, 0), (1, 1), (0, 0)), constant_values=_FAR)
    beside = jnp.minimum(padded[:, :-2], padded[:, 2:])
    return jnp.minimum(apart, beside + 1)

  apart = lax.fori_loop(0, _FAR, along_columns, apart)
  padded = jnp.pad(apart, ((0, 0), (0, 0), (_FAR, _FAR)), constant_values=_FAR)

  def along_rows(i, nearest):
    beside = lax.dynamic_slice_in_dim(padded, i, width, axis=2)
    return jnp.minimum(nearest, jnp.hypot(beside, i - _FAR))

  return lax.fori_loop(0, 2 * _FAR + 1, along_rows, apart)


def _equalised(y: Array) -> Array:
  """Whole levels 0..255, changed so that all are about as frequent.

  What the darkest pixels have becomes 0; an image of one level stays.
  """
  count = y.shape[1] * y.shape[2]
  flat = y.reshape(len(y), -1).astype(jnp.int32)
  # Distances have few levels: counting each is faster than a histogram.
  up_to = (flat[:, None] <= np.arange(_FAR + 1)[:, None]).sum(2)
  darkest = jnp.take_along_axis(up_to, flat.min(1, keepdims=True), axis=1)
  share = (up_to - darkest) / jnp.maximum(count - darkest, 1)
  changed = jnp.take_along_axis(jnp.round(255 * share), flat, axis=1)
  return jnp.where(darkest == count, flat, changed).reshape(y.shape)


def _mean_of_nine(y: Array) -> Array:
  near = neighbours(y, "reflect")
  return sum(near(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9


def _colour(colour: np.ndarray, x: Array) -> Array:
  return jnp.asarray(colour[: x.shape[-1]], jnp.float32)
