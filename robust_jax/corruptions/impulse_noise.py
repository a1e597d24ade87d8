"""Salt and pepper."""

import jax.numpy as jnp

from robust_jax.corruptions import constants, draws
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_SHARE = {
  299: (0.04, 0.07, 0.10, 0.18, 0.28),
  224: (0.03, 0.06, 0.09, 0.17, 0.27),
  64: (0.01, 0.02, 0.05, 0.08, 0.14),
  32: (0.01, 0.02, 0.03, 0.05, 0.07),
}


@corruption
def impulse_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A share of all values, each channel by itself, is set to 0 or to 1.

  Which of both is as likely; the share is given by the severity. Arguments and
  result as `signature.corruption` says.

  Source: Hendrycks and Dietterich 2019.
  """
  share = constants.pick(constants.rows(_SHARE, x, size), severity)
  u = draw(keys, x)
  pepper, salt = u < share / 2, u >= 1 - share / 2
  return jnp.where(pepper, 0.0, jnp.where(salt, 1.0, x))


def draw(keys: Key, x: Array) -> Array:
  """Uniform numbers `[B, H, W, C]`: the lowest are pepper, the highest salt."""
  return draws.uniform(keys, x.shape[1:])
