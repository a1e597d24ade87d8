"""Not quite in the middle."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_SIZE = 28  # the pixels that the following are of
_PIXELS = {_SIZE: (1, 2, 3, 4, 5)}


@corruption
def translate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Moved along both axes, to either side of each; black comes in.

  By whole pixels of an image of 28, and as large a share of others, between
  their pixels where it must be. Arguments and result as `signature.corruption`
  says.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 3.
  """
  pixels = constants.pick(constants.rows(_PIXELS, x, size), severity)
  sizes = jnp.array([x.shape[2], x.shape[1]], jnp.float32)
  shift = pixels * sizes / _SIZE * draw(keys, x)
  return affine_maps.about_centre(x, jnp.eye(2), shift)


def draw(keys: Key, x: Array) -> Array:
  """To which sides of the axes, `[B, 2]`: -1 or 1."""
  del x
  return affine_maps.signs(keys, (2,))
