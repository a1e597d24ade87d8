"""Sequences of weather: brightness, snow and spatter."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import constants, matrices, weather
from robust_jax.corruptions.sequences.base import frame_by_frame, sequence
from robust_jax.corruptions.spatter import add_water
from robust_jax.corruptions.spatter import draw as draw_spatter
from robust_jax.types import Array, Key

_STEP = {224: 0.02, 32: 0.015}


@sequence
def brightness(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Adds -15, ..., 15 steps of 0.02 (small images 0.015) to the HSV value.

  See `base.sequence` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.brightness, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  del keys
  step = float(constants.rows(_STEP, x, size))
  return frame_by_frame(lambda i: weather.brighten(x, step * (i - 15)), 31)


# As in corruptions.snow: mean and standard deviation of the noise, its zoom and
# threshold, radius and standard deviation of the motion blur, fraction of the
# image's colors.
_FLAKES = {
  224: ((0.05, 0.3, 3, 0.5, 14, 4, 0.85),),
  32: ((0.05, 0.3, 3, 0.5, 10, 2, 0.85),),
}


@sequence
def snow(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """The same flakes falling at -150, -146, ..., -30 degrees.

  See `base.sequence` for arguments and result.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.snow, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  table = constants.rows(_FLAKES, x, size)
  noise, _ = weather.draw_snow(keys, x)

  def frame(i):
    angles = jnp.full(len(x), 4.0 * i - 150)
    flakes = weather.flakes(noise, angles, table, 1)
    return weather.add_snow(x, flakes, np.float32(table[0, 6]))

  return frame_by_frame(frame, 31)


# Mean and standard deviation of the noise, its blur, brightness of water.
_LIQUID = {224: (0.65, 0.27, 3.7, 0.6), 32: (0.6, 0.265, 1.75, 0.5)}
_THRESHOLD = 0.69
# Fractions of water that a pixel keeps and receives from those above it.
_FLOW = (0.7, 0.15, 0.1, 0.05)
_COUNT = 31


@sequence
def spatter(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Drops of water that flow downward from frame to frame.

  See `base.sequence` for arguments and result. One of the four extra sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  Deviation: as in `corruptions.spatter`; that water flows downward is our
    reading.

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.spatter, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  mean, deviation, sigma, strength = constants.rows(_LIQUID, x, size)
  layer = (mean + deviation * draw_spatter(keys, x))[..., None]
  layer = matrices.gaussian_blur(layer, jnp.float32(sigma), sigma)
  layer = jnp.where(layer < _THRESHOLD, 0.0, layer)

  def flow(layer, _):
    frame = add_water(x, layer, jnp.float32(strength))
    above = jnp.pad(layer, ((0, 0), (len(_FLOW) - 1, 0), (0, 0), (0, 0)))
    first = len(_FLOW) - 1  # row of `above` that is the first row of the layer
    layer = sum(
      fraction * above[:, first - i : first - i + layer.shape[1]]
      for i, fraction in enumerate(_FLOW)
    )
    return layer, frame

  return jnp.moveaxis(lax.scan(flow, layer, None, _COUNT)[1], 0, 1)
