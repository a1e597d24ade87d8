"""A camera that moves while it sees."""

from robust_jax.corruptions import constants, draws, motion
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

# Radius and standard deviation.
_BLUR = {
  299: ((12, 4), (17, 6), (17, 9), (17, 13), (22, 16)),
  224: ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
  64: ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
  32: ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
}


@corruption
def motion_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A one-sided Gaussian along a line at -45 to 45 degrees.

  Arguments and result as `signature.corruption` says.

  Source: Hendrycks and Dietterich 2019, and ImageMagick's motion blur, which
  they call. Deviation: it is not rounded before the result is truncated.
  """
  table = constants.rows(_BLUR, x, size)
  radius, sigma = constants.pick(table, severity)
  return motion.blurred(x, radius, sigma, draw(keys, x), int(table[:, 0].max()))


def draw(keys: Key, x: Array) -> Array:
  """Angles `[B]` in degrees."""
  del x
  return draws.uniform(keys, (), -45.0, 45.0)
