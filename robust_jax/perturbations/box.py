"""The box [0, 1] of valid inputs, for the sets whose delta adds to x."""

import jax
import jax.numpy as jnp

from robust_jax import tree
from robust_jax.types import Array, Norm


def apply(x: Array, delta: Array) -> Array:
  """`x + delta` cut to [0, 1], in x's dtype; the gradient is that of the sum.

  The derivative of the cut itself would be 0 (or 1/2, by convention) at its
  ends. Many pixels are exactly black or white, and an attack that sees no
  gradient there is a weak one. `into` is what keeps delta in the box.
  """
  return tree.rounded_towards(x, cut(x + delta))


def into(x: Array, delta: Array) -> Array:
  """The delta that `apply` really adds; no coordinate grows."""
  return jnp.clip(x + delta, 0.0, 1.0) - x


def room(x: Array, direction: Array) -> Array:
  """The most that each coordinate may change to the side of `direction`."""
  x = x.astype(jnp.float32)
  return jnp.where(direction > 0, 1.0 - x, x)


def width(num_coordinates: int, norm: Norm) -> float:
  """The longest change within the box: between opposite corners."""
  return num_coordinates ** (1 / tree.ORDERS[norm])


def radius(eps: Array | float, x: Array, norm: Norm) -> Array:
  """eps, or how wide the box is in that norm where eps is larger.

  The set is the same, and steps and starts are fractions of what there is: a
  radius of infinity is the whole box.
  """
  return jnp.minimum(eps, width(x.size // len(x), norm))


@jax.custom_jvp
def cut(x: Array) -> Array:
  """x cut to [0, 1]; the derivative is that of x itself."""
  return jnp.clip(x, 0.0, 1.0)


cut.defjvp(lambda primals, tangents: (cut(*primals), *tangents))
