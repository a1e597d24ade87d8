"""Noise of counted photons, others in each frame."""

from robust_jax.corruptions import constants
from robust_jax.corruptions import shot_noise as corruption
from robust_jax.sequences.signature import by_level, noisy, sequence
from robust_jax.types import Array, Key

_PHOTONS = {224: (300, 120, 60), 32: (700, 400, 200)}


@sequence
def shot_noise(
  keys: Key, x: Array, *, size: int | None = None, level: int | Array = 1
) -> Array:
  """x, and 30 times counts over c, Poisson of mean c x; c by level.

  Arguments and result as `signature.sequence` says; no count is further from
  its mean than 128.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  white = by_level(_PHOTONS, x, size, level)
  photons = tuple(constants.rows(_PHOTONS, x, size))
  counts = lambda keys: corruption.draw(keys, x, photons, level)
  return noisy(lambda keys: counts(keys) / white, keys, x)
