"""Sensor noise in the dark: Gaussian, the same everywhere."""

from robust_jax.corruptions import constants, draws
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_SIGMA = {
  299: (0.09, 0.13, 0.19, 0.27, 0.40),
  224: (0.08, 0.12, 0.18, 0.26, 0.38),
  64: (0.04, 0.08, 0.12, 0.15, 0.18),
  32: (0.04, 0.06, 0.08, 0.09, 0.10),
}


@corruption
def gaussian_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """x + s n, n standard normal for each pixel and channel; s by severity.

  Arguments and result as `signature.corruption` says.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network
  Robustness to Common Corruptions and Perturbations" (ImageNet-C).
  """
  sigma = constants.pick(constants.rows(_SIGMA, x, size), severity)
  return x + sigma * draw(keys, x)


def draw(keys: Key, x: Array) -> Array:
  """n, `[B, H, W, C]`."""
  return draws.normal(keys, x.shape[1:])
