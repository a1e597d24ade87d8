"""The change of variables of Carlini and Wagner that has no box."""

import jax.numpy as jnp

from robust_jax.types import Array

# Black and white are at infinity, and the derivative of tanh is nearly 0 well
# before: an attack that starts there hardly moves them. This starts it at most
# 5e-4 away, where they move.
_INSIDE = 1 - 1e-3


def to_tanh_space(x: Array) -> Array:
  """x in [0, 1] -> w, any real number."""
  return jnp.arctanh(_INSIDE * (2 * x - 1))


def from_tanh_space(w: Array) -> Array:
  """w -> x in [0, 1]."""
  return (jnp.tanh(w) + 1) / 2


def slope_of_tanh(w: Array) -> Array:
  """The derivative of `from_tanh_space` at w."""
  return (1 - jnp.square(jnp.tanh(w))) / 2
