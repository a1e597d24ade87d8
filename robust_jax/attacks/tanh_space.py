"""The change of variables of Carlini and Wagner that has no box."""

import jax.numpy as jnp

from robust_jax.types import Array

# Black and white are at infinity; a little inside they are not, and Adam, which
# is blind to the scale of a gradient, is soon away from there.
_INSIDE = 1 - 1e-6


def to_tanh_space(x: Array) -> Array:
  """x in [0, 1] -> w, any real number."""
  return jnp.arctanh(_INSIDE * (2 * x - 1))


def from_tanh_space(w: Array) -> Array:
  """w -> x in [0, 1]."""
  return (jnp.tanh(w) + 1) / 2
