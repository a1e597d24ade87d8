"""The focus is lost."""

from robust_jax.corruptions import constants, matrices
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key

# The first deviation in pixels, and what each frame adds.
_SIGMA = {224: (0.25, 0.035), 32: (0.3, 0.015)}
_COUNT = 31


@sequence
def gaussian_blur(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """A Gaussian blur that grows from a quarter of a pixel to more than one.

  Arguments and result as `signature.sequence` says; nothing is random. One of
  the four extra sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  first, more = constants.rows(_SIGMA, x, size)
  largest = first + more * (_COUNT - 1)
  return frame_by_frame(
    lambda i: matrices.gaussian_blur(x, first + more * i, largest), _COUNT
  )
