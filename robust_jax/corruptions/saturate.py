"""Colours paler or stronger than they are."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

# Factor and addend.
_IMAGENET = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
_CHANGE = {
  299: _IMAGENET,
  224: _IMAGENET,
  64: (*_IMAGENET[:4], (30, 0.2)),
  32: ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
}
_RED = np.array([1.0, 0.0, 0.0], np.float32)


@corruption
def saturate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """The saturation of HSV is scaled and shifted; hue and value stay.

  Arguments and result as `signature.corruption` says; nothing is random. At a
  fixed hue and value, what a channel lacks to the value is proportional to the
  saturation. Grey pixels are red of saturation 0, and turn reddish where
  saturation is added; grey images are left as they are. One of the four extra
  corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019.
  """
  del keys
  if x.shape[-1] == 1:
    return x
  factor, addend = constants.pick(constants.rows(_CHANGE, x, size), severity)
  value = x.max(axis=-1, keepdims=True)
  lack = value - x
  depth = lack.max(axis=-1, keepdims=True)
  grey = depth == 0
  saturation = depth / jnp.where(value == 0, 1, value)
  wanted = jnp.clip(factor * saturation + addend, 0.0, 1.0)
  # What each channel lacks at full saturation, a share of the value.
  shape = jnp.where(grey, 1 - _RED, lack / jnp.where(grey, 1, depth))
  return value * (1 - wanted * shape)
