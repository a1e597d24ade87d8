"""Fog, thicker here and thinner there."""

from robust_jax.corruptions import constants, plasma
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

# Thickness, and by how much finer clouds are fainter.
_CLOUD = {
  299: ((1.5, 2), (2, 2), (2.5, 1.8), (2.5, 1.6), (3, 1.5)),
  224: ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
  64: ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
  32: ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
}


@corruption
def fog(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A cloud is added, and everything dimmed until white is as white as before.

  `(x + c cloud) m / (m + c)`, m the largest value of the image and c by
  severity. The cloud is the corner of a square whose side is a power of two,
  and at least the size whose constants are used. Arguments and result as
  `signature.corruption` says.

  Source: Hendrycks and Dietterich 2019.
  """
  thickness, decay = constants.pick(constants.rows(_CLOUD, x, size), severity)
  cloud = plasma.cloud(draw(keys, x, size), decay)
  cloud = cloud[:, : x.shape[1], : x.shape[2], None]
  brightest = x.max(axis=(1, 2, 3), keepdims=True)
  return (x + thickness * cloud) * brightest / (brightest + thickness)


def draw(keys: Key, x: Array, size: int | None) -> tuple[Array, ...]:
  """What `plasma.cloud` makes the cloud of."""
  side = max(*x.shape[1:3], 2, size or 0)
  return plasma.draw(keys, 1 << (side - 1).bit_length())
