"""Leaning to one side."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_RADIANS = {28: (0.2, 0.4, 0.6, 0.8, 1.0)}


@corruption
def shear(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """The vertical leans to one side or the other by an angle; corners are black.

  Arguments and result as `signature.corruption` says. Verticals keep their
  length: leaning, they get lower.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 2.
  """
  angle = constants.pick(constants.rows(_RADIANS, x, size), severity)
  cos, sin = jnp.cos(angle), jnp.sin(angle) * draw(keys, x)
  one, nothing = jnp.ones_like(sin), jnp.zeros_like(sin)
  rows = jnp.stack([one, -sin], -1), jnp.stack([nothing, cos * one], -1)
  return affine_maps.about_centre(x, jnp.stack(rows, axis=-2))


def draw(keys: Key, x: Array) -> Array:
  """To which side, `[B]`: -1 or 1."""
  del x
  return affine_maps.signs(keys)
