"""Made smaller."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_SHARE = {28: (0.9, 0.8, 0.7, 0.6, 0.5)}


@corruption
def scale(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Reduced to a share of height and width, black around it.

  Arguments and result as `signature.corruption` says; nothing is random.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 3.
  """
  del keys
  share = constants.pick(constants.rows(_SHARE, x, size), severity)
  return affine_maps.about_centre(x, jnp.eye(2) / share)
