"""A square that is not to be seen."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import Array, Augmentation, Key


def cutout(size: int = 16, fill: float = 0.5) -> Augmentation:
  """A square of one grey value about a random pixel of each image.

  Near the border a part of it falls outside, so that some images stay nearly
  whole.

  Args:
    size: of its sides, in pixels; 16 for CIFAR-10 in the paper, 8 for
      CIFAR-100.
    fill: the value, in [0, 1]. The paper takes 0 after normalisation, which is
      the mean of the data.

  Raises:
    ValueError: the size is below 1, or the value not in [0, 1].

  Source: DeVries and Taylor 2017, "Improved Regularization of Convolutional
  Neural Networks with Cutout".
  """
  checks.at_least_one("size", size)
  checks.non_negative("fill", fill)
  checks.at_most("fill", fill, 1)

  def augment(key: Key, x: Array) -> Array:
    hidden = [
      _band(k, len(x), length, size)
      for k, length in zip(jax.random.split(key), x.shape[1:3], strict=True)
    ]
    square = hidden[0][:, :, None, None] & hidden[1][:, None, :, None]
    return jnp.where(square, jnp.asarray(fill, x.dtype), x)

  return augment


def _band(key: Key, batch: int, length: int, size: int) -> Array:
  """`[B, length]`: the pixels of an axis that the square covers."""
  middle = jax.random.randint(key, (batch, 1), 0, length)
  offset = jnp.arange(length) - (middle - size // 2)
  return (offset >= 0) & (offset < size)
