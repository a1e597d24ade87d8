"""Classifiers of images by features of them and a last layer."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.types import Array


class ImageClassifier(nn.Module):
  """Classifies an image by features, to which a last layer applies.

  A subclass has the methods `features`, which begins with `layers.normalize`,
  and `head`, and makes the last layer in `setup`.

  Attributes:
    num_classes: K.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    dtype: dtype of the computation, see `robust_jax.precision`.
  """

  num_classes: int = 10
  mean: tuple[float, ...] = (0.0,)
  std: tuple[float, ...] = (1.0,)
  dtype: DTypeLike = jnp.float32

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Computes logits `[B, K]` of x `[B, H, W, C]` in [0, 1].

    With `train=True` BatchNorm, if there is any, uses the statistics of the
    batch and updates the mutable collection "batch_stats"; with dropout,
    `apply` needs `rngs={"dropout": key}`.
    """
    return self.head(self.features(x, train=train), train=train)

  def features(self, x: Array, *, train: bool = False) -> Array:
    """Computes features `[B, D]` float32 of images."""
    raise NotImplementedError

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer: `[B, D]` -> logits `[B, K]`."""
    raise NotImplementedError
