"""The box [0, 1] of valid inputs, for the sets whose theta adds to x."""

import jax.numpy as jnp

from robust_jax.types import Array


def apply(x: Array, theta: Array) -> Array:
  """`x + theta`, cut to [0, 1] so that rounding cannot leave the box."""
  return jnp.clip(x + theta, 0.0, 1.0).astype(x.dtype)


def into(x: Array, theta: Array) -> Array:
  """The theta that `apply` really adds; no coordinate grows."""
  return jnp.clip(x + theta, 0.0, 1.0) - x
