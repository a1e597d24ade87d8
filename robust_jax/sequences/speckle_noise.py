"""Noise that grows with the light, another in each frame."""

from robust_jax.corruptions import speckle_noise as corruption
from robust_jax.sequences.signature import by_level, noisy, sequence
from robust_jax.types import Array, Key

_SIGMA = {224: (0.05, 0.1, 0.15), 32: (0.05, 0.07, 0.1)}


@sequence
def speckle_noise(
  keys: Key, x: Array, *, size: int | None = None, level: int | Array = 1
) -> Array:
  """x, and 30 times x + x s n, n standard normal; s by level.

  Arguments and result as `signature.sequence` says. One of the four extra
  sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  sigma = by_level(_SIGMA, x, size, level)
  return noisy(lambda keys: x + x * sigma * corruption.draw(keys, x), keys, x)
