"""Sequences of blur that grows, rotates or zooms."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import _motion, _zooms, constants, matrices
from robust_jax.corruptions._each_image import each_image
from robust_jax.corruptions.sequences.base import frame_by_frame, sequence
from robust_jax.types import Array, Key

# Standard deviation of the first frame in pixels, and increment per frame.
_SIGMA = {224: (0.25, 0.035), 32: (0.3, 0.015)}
_COUNT = 31


@sequence
def gaussian_blur(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """A Gaussian blur that grows from a quarter of a pixel to more than one.

  See `base.sequence` for arguments and result. Deterministic. One of the four
  extra sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.gaussian_blur, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  del keys
  first, more = constants.rows(_SIGMA, x, size)
  largest = first + more * (_COUNT - 1)
  return frame_by_frame(
    lambda i: matrices.gaussian_blur(x, first + more * i, largest), _COUNT
  )


# Radius, standard deviation, degrees per frame, index of the last frame.
_BLUR = {224: (10, 3.0, 4, 30), 32: (6, 1.8, 9, 20)}


@sequence
def motion_blur(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Motion blur along a line that rotates to 0 degrees, by 4 degrees per frame.

  Small images have 21 frames instead of 31, with 9 degrees per frame. See
  `base.sequence` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.motion_blur, keys, x).shape
    (2, 21, 8, 8, 3)
  """
  del keys
  radius, sigma, turn, last = constants.rows(_BLUR, x, size)
  last, reach = int(last), int(radius)

  def frame(i):
    angles = jnp.full(len(x), turn * (i - last), jnp.float32)
    return _motion.blurred(
      x, jnp.float32(radius), jnp.float32(sigma), angles, reach
    )

  return frame_by_frame(frame, last + 1)


_ZOOMS = 1 + 0.004 * np.arange(31)


@sequence
def zoom_blur(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Means of enlarged images: frame i averages zooms from 1 to 1 + 0.004 i.

  There are 31 frames at any size. See `base.sequence` for arguments and result.
  Deterministic.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.zoom_blur, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  del keys, size
  rows, columns = (
    jnp.asarray([_zooms.places(n, zoom) for zoom in _ZOOMS], jnp.float32)
    for n in x.shape[1:3]
  )

  def one(image):
    def longer(total, i):
      total = total + _zooms.read(image, rows[i], columns[i])
      return total, total / (i + 1)

    start = jnp.zeros_like(image)
    return lax.scan(longer, start, jnp.arange(len(_ZOOMS)))[1]

  return each_image(one, x)
