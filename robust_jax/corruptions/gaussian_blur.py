"""Out of focus, softly: a Gaussian blur."""

from robust_jax.corruptions import constants, matrices
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_SIGMA = {
  299: (1.5, 2.5, 3.5, 4.5, 6.5),
  224: (1, 2, 3, 4, 6),
  64: (0.5, 0.75, 1, 1.25, 1.5),
  32: (0.4, 0.6, 0.7, 0.8, 1),
}


@corruption
def gaussian_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A Gaussian blur, cut off at four deviations, the border repeated.

  Arguments and result as `signature.corruption` says; nothing is random. One of
  the four extra corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019.
  """
  del keys
  sigmas = constants.rows(_SIGMA, x, size)
  sigma = constants.pick(sigmas, severity)
  return matrices.gaussian_blur(x, sigma, sigmas.max())
