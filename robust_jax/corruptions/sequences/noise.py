"""Sequences of noise: each frame draws its own."""

from robust_jax.corruptions import constants, noise
from robust_jax.corruptions.sequences.base import by_level, noisy, sequence
from robust_jax.types import Array, Key

_GAUSSIAN_NOISE_SIGMA = {224: (0.03, 0.05, 0.08), 32: (0.02, 0.04, 0.06)}


@sequence
def gaussian_noise(
  keys: Key, x: Array, *, size: int | None = None, level: int | Array = 1
) -> Array:
  """x, and 30 times x + s n, n standard normal; s by level.

  Arguments and result as `base.sequence` says.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  sigma = by_level(_GAUSSIAN_NOISE_SIGMA, x, size, level)
  return noisy(
    lambda keys: x + sigma * noise.draw_gaussian_noise(keys, x), keys, x
  )


_PHOTONS = {224: (300, 120, 60), 32: (700, 400, 200)}


@sequence
def shot_noise(
  keys: Key, x: Array, *, size: int | None = None, level: int | Array = 1
) -> Array:
  """x, and 30 times counts over c, Poisson of mean c x; c by level.

  Arguments and result as `base.sequence` says; no count is further from
  its mean than 128.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  white = by_level(_PHOTONS, x, size, level)
  photons = tuple(constants.rows(_PHOTONS, x, size))
  counts = lambda keys: noise.draw_shot_noise(keys, x, photons, level)
  return noisy(lambda keys: counts(keys) / white, keys, x)


_SPECKLE_NOISE_SIGMA = {224: (0.05, 0.1, 0.15), 32: (0.05, 0.07, 0.1)}


@sequence
def speckle_noise(
  keys: Key, x: Array, *, size: int | None = None, level: int | Array = 1
) -> Array:
  """x, and 30 times x + x s n, n standard normal; s by level.

  Arguments and result as `base.sequence` says. One of the four extra
  sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  sigma = by_level(_SPECKLE_NOISE_SIGMA, x, size, level)
  return noisy(
    lambda keys: x + x * sigma * noise.draw_speckle_noise(keys, x), keys, x
  )
