"""Sequences of noise, drawn anew for each frame."""

from robust_jax.corruptions import constants, noise
from robust_jax.corruptions.sequences.base import by_level, noisy, sequence
from robust_jax.types import Array, Key

_GAUSSIAN_NOISE_SIGMA = {224: (0.03, 0.05, 0.08), 32: (0.02, 0.04, 0.06)}


@sequence
def gaussian_noise(
  keys: Key, x: Array, *, size: int | None = None, level: int | Array = 1
) -> Array:
  """x, followed by 30 frames `x + s n` with n standard normal.

  The scale s is given by the level. See `base.sequence` for arguments and
  result.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.gaussian_noise, keys, x).shape
    (2, 31, 8, 8, 3)
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
  """x, followed by 30 frames of counts over c, Poisson of mean `c x`.

  White corresponds to c photons, given by the level. See `base.sequence` for
  arguments and result.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  Deviation: counts differ from their mean by 128 at most.

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.shot_noise, keys, x).shape
    (2, 31, 8, 8, 3)
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
  """x, followed by 30 frames `x + s x n` with n standard normal.

  The scale s is given by the level. See `base.sequence` for arguments and
  result. One of the four extra sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.speckle_noise, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  sigma = by_level(_SPECKLE_NOISE_SIGMA, x, size, level)
  return noisy(
    lambda keys: x + x * sigma * noise.draw_speckle_noise(keys, x), keys, x
  )
