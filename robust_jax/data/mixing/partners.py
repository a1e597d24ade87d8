"""Which image is mixed with which."""

import jax

from robust_jax.types import Array, Key


def partners(key: Key, batch_size: int) -> Array:
  """A random permutation `[B]`: some images may be their own partners."""
  return jax.random.permutation(key, batch_size)


def check_alpha(alpha: float) -> None:
  """alpha, of a beta distribution, is positive.

  Raises:
    ValueError: it is not.
  """
  if not alpha > 0:
    raise ValueError(
      f"alpha = {alpha}: wanted more than 0; leave the mixing out for none."
    )
