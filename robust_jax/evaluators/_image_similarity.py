"""Similarity of two images, for each pair of a batch."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.types import Array

_WINDOW = 11  # pixels
_SIGMA = 1.5  # pixels
_C1, _C2 = 0.01**2, 0.03**2
_LARGEST_PSNR = 100.0


def mean_absolute_error(x: Array, y: Array) -> Array:
  """Mean absolute difference of pixels, `[B]`, of images `[B, H, W, C]`."""
  return jnp.abs(x - y).mean(axis=(1, 2, 3))


def psnr(x: Array, y: Array) -> Array:
  """Peak signal-to-noise ratio in dB, `[B]`, of images in [0, 1].

  It is `-10 log10` of the mean squared difference, and at most 100, so that it
  can be averaged over images of which some are equal.
  """
  error = jnp.square(x - y).mean(axis=(1, 2, 3))
  return -10 * jnp.log10(jnp.maximum(error, 10 ** (-_LARGEST_PSNR / 10)))


def ssim(x: Array, y: Array) -> Array:
  """Structural similarity (SSIM), `[B]`, of images `[B, H, W, C]` in [0, 1].

  The mean over all positions of the window within the image, and over channels.

  Source: Wang et al. 2004, "Image quality assessment: from error visibility to
  structural similarity", equation 13, with the Gaussian window of section
  III-B.

  Deviation: the largest window of odd size that fits, where an image is smaller
  than 11 pixels; every channel for itself.
  """
  weights = _gaussian(min(_WINDOW, (min(x.shape[1:3]) - 1) // 2 * 2 + 1))
  mean_x, mean_y = (_averaged(image, weights) for image in (x, y))
  var_x, var_y, covariance = (
    _averaged(product, weights) - means
    for product, means in (
      (x * x, mean_x * mean_x),
      (y * y, mean_y * mean_y),
      (x * y, mean_x * mean_y),
    )
  )
  similarity = (
    (2 * mean_x * mean_y + _C1)
    * (2 * covariance + _C2)
    / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2))
  )
  return similarity.mean(axis=(1, 2, 3))


def _gaussian(size: int) -> np.ndarray:
  places = np.arange(size) - size // 2
  weights = np.exp(-np.square(places / _SIGMA) / 2)
  return (weights / weights.sum()).astype(np.float32)


def _averaged(x: Array, weights: np.ndarray) -> Array:
  """Weighted averages at all positions of the window within the image."""
  for axis in (1, 2):
    end = x.shape[axis] - len(weights) + 1
    x = sum(
      weight * lax.slice_in_dim(x, i, i + end, axis=axis)
      for i, weight in enumerate(weights)
    )
  return x
