"""The box [0, 1] of valid inputs, for sets whose delta is added to x."""

import jax
import jax.numpy as jnp

from robust_jax import tree
from robust_jax.types import Array, Norm


def apply(x: Array, delta: Array) -> Array:
  """`x + delta` clipped to [0, 1], in x's dtype, with the gradient of the sum.

  The derivative of clipping is 0 (or 1/2, by convention) at the ends of the
  interval. Many pixels are exactly black or white, and an attack without a
  gradient there is weak. `clip_delta` keeps delta in the box.
  """
  return tree.rounded_towards(x, clip(x + delta))


def clip_delta(x: Array, delta: Array) -> Array:
  """The delta that `apply` effectively adds; no coordinate grows."""
  return jnp.clip(x + delta, 0.0, 1.0) - x


def room(x: Array, direction: Array) -> Array:
  """The largest possible change of each coordinate towards `direction`."""
  x = x.astype(jnp.float32)
  return jnp.where(direction > 0, 1.0 - x, x)


def width(num_coordinates: int, norm: Norm) -> float:
  """Length of the longest change within the box, between opposite corners."""
  return num_coordinates ** (1 / tree.ORDERS[norm])


def radius(eps: Array | float, x: Array, norm: Norm) -> Array:
  """The smaller of eps and the width of the box in that norm.

  The set is the same, and steps and random starts are fractions of an effective
  radius: an infinite eps stands for the whole box.
  """
  return jnp.minimum(eps, width(x.size // len(x), norm))


@jax.custom_jvp
def clip(x: Array) -> Array:
  """Clips x to [0, 1], with the derivative of the identity."""
  return jnp.clip(x, 0.0, 1.0)


clip.defjvp(lambda primals, tangents: (clip(*primals), *tangents))
