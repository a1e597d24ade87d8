"""Turned a little."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_RADIANS = {28: (0.2, 0.4, 0.6, 0.8, 1.0)}


@corruption
def rotate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A rotation to one side or the other about the centre; corners are black.

  Arguments and result as `signature.corruption` says.

  Source: Mu and Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer
  Vision", severity 2.
  """
  angle = constants.pick(constants.rows(_RADIANS, x, size), severity)
  cos, sin = jnp.cos(angle), jnp.sin(angle) * draw(keys, x)
  cos = jnp.broadcast_to(cos, sin.shape)
  rows = jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)
  return affine_maps.about_centre(x, jnp.stack(rows, axis=-2))


def draw(keys: Key, x: Array) -> Array:
  """To which side, `[B]`: -1 or 1."""
  del x
  return affine_maps.signs(keys)
