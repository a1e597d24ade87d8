"""Inputs of pairs, computed from images `[B, H, W, C]` in [0, 1]."""

import jax

from robust_jax import corruptions
from robust_jax.perturbations.photometric import luma
from robust_jax.types import Array

__all__ = ["edges", "gray"]


def edges(x: Array) -> Array:
  """White edges on black, `[B, H, W, 1]`: `corruptions.canny_edges`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.data.pairs import inputs
    >>> x = jnp.zeros((1, 16, 16, 3)).at[:, 4:12, 4:12].set(1.0)
    >>> outline = inputs.edges(x)[0, ..., 0]
    >>> outline[8].astype(int).tolist()
    [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
  """
  keys = jax.random.split(jax.random.key(0), len(x))  # it draws nothing
  return corruptions.canny_edges(keys, x, 1)[..., :1]


def gray(x: Array) -> Array:
  """The luma of color images, `[B, H, W, 1]`.

  Raises:
    ValueError: the images have no three channels.

  Source: Recommendation ITU-R BT.601.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.data.pairs import inputs
    >>> green = jnp.array([0.0, 1.0, 0.0]).reshape(1, 1, 1, 3)
    >>> round(inputs.gray(green).item(), 3)
    0.587
  """
  if x.shape[-1] != 3:
    raise ValueError(
      f"gray of images of shape {x.shape[1:]}: expected three channels."
    )
  return luma(x)
