"""Separable linear filters as matrix products: `y = G x G'`.

The border treatment is folded into the matrices, and matrix products are fast
on every device.
"""

from typing import Literal

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions._each_image import each_image
from robust_jax.types import Array

Border = Literal["edge", "symmetric", "reflect"]
"""Border treatment in the names of `np.pad`. SciPy calls these "nearest",
"reflect" and "mirror".
"""


def both_sides(x: Array, down: Array, across: Array) -> Array:
  """Returns `down x across'` of each channel, `[B, H', W', C]`.

  Args:
    x: images `[B, H, W, C]`.
    down: matrix `[H', H]`.
    across: matrix `[W', W]`.
  """

  def one(image):
    height, width, channels = image.shape
    y = _product(down, image.reshape(height, -1))
    y = y.reshape(-1, width, channels).swapaxes(1, 2).reshape(-1, width)
    y = _product(y, across.T).reshape(len(down), channels, -1)
    return y.swapaxes(1, 2)

  return each_image(one, x)


def _product(a: Array, b: Array) -> Array:
  return jnp.matmul(a, b, precision="highest")


def gaussian_blur(
  x: Array,
  sigma: Array,
  max_sigma: float,
  *,
  truncate: float = 4.0,
  border: Border = "edge",
) -> Array:
  """Gaussian blur as by `scipy.ndimage.gaussian_filter`.

  Args:
    x: images `[B, H, W, C]`.
    sigma: standard deviation in pixels; a scalar, which may be traced.
    max_sigma: upper bound of sigma; static.
    truncate: radius of the kernel in standard deviations.
    border: border treatment, a `Border`.

  Returns:
    Images like x.
  """
  down, across = (
    gaussian(n, sigma, max_sigma, truncate, border) for n in x.shape[1:3]
  )
  return both_sides(x, down, across)


def gaussian(
  n: int, sigma: Array, max_sigma: float, truncate: float, border: Border
) -> Array:
  """Returns the matrix `[n, n]` of a Gaussian blur of n pixels.

  The other arguments are those of `gaussian_blur`.
  """
  reach = int(truncate * max_sigma + 0.5)
  taps = np.arange(-reach, reach + 1)
  radius = jnp.floor(truncate * sigma + 0.5)
  # For sigma = 0 only the center remains, without a division by 0.
  weights = jnp.exp(-0.5 * (taps / jnp.maximum(sigma, 1e-3)) ** 2)
  weights = jnp.where(jnp.abs(taps) <= radius, weights, 0.0)
  source = np.pad(np.arange(n), reach, border)
  rows = np.arange(n)[:, None]
  matrix = jnp.zeros((n, n)).at[rows, source[rows + taps + reach]]
  return matrix.add(weights / weights.sum())
