"""More light."""

import jax.numpy as jnp

from robust_jax.corruptions import constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_IMAGENET = (0.1, 0.2, 0.3, 0.4, 0.5)
_MORE = {
  299: _IMAGENET,
  224: _IMAGENET,
  64: _IMAGENET,
  32: (0.05, 0.1, 0.15, 0.2, 0.3),
}


@corruption
def brightness(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A number is added to the value of HSV; hue and saturation stay.

  Arguments and result as `signature.corruption` says; nothing is random. At a
  fixed hue and saturation a colour is proportional to its value, the largest of
  its channels, and so no angle is computed.

  Source: Hendrycks and Dietterich 2019.
  """
  del keys
  more = constants.pick(constants.rows(_MORE, x, size), severity)
  return brightened(x, more)


def brightened(x: Array, more: Array) -> Array:
  """x with `more` added to its values, which stay in [0, 1]; a scalar."""
  value = x.max(axis=-1, keepdims=True)
  brighter = jnp.clip(value + more, 0.0, 1.0)
  black = value == 0
  return jnp.where(black, brighter, x * brighter / jnp.where(black, 1, value))
