"""Noise that grows with the light: Gaussian, times the image."""

from robust_jax.corruptions import constants, draws
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_SIGMA = {
  299: (0.16, 0.21, 0.36, 0.46, 0.61),
  224: (0.15, 0.2, 0.35, 0.45, 0.6),
  64: (0.15, 0.2, 0.25, 0.3, 0.35),
  32: (0.06, 0.1, 0.12, 0.16, 0.2),
}


@corruption
def speckle_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """x + x s n, n standard normal for each pixel and channel; s by severity.

  Arguments and result as `signature.corruption` says. One of the four extra
  corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019.
  """
  sigma = constants.pick(constants.rows(_SIGMA, x, size), severity)
  return x + x * sigma * draw(keys, x)


def draw(keys: Key, x: Array) -> Array:
  """n, `[B, H, W, C]`."""
  return draws.normal(keys, x.shape[1:])
