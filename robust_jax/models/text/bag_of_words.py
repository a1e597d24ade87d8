"""A bag of words: the mean of embeddings, and a linear layer."""

from flax import linen as nn
from jax import numpy as jnp
from jax.typing import DTypeLike

from robust_jax.types import Array, PyTree


class BagOfWords(nn.Module):
  """Classifies a text by the mean of its tokens' embeddings.

  x is `{"tokens": [B, T] int, "mask": [B, T]}`, the mask 1 at tokens and 0 at
  padding, which counts nothing. The order of the tokens does not matter.

  Attributes:
    vocabulary_size: V; tokens are from 0 to V - 1.
    num_classes: K.
    width: of an embedding.
    dtype: of the computation, see `robust_jax.precision`.

  Source: Joulin, Grave, Bojanowski and Mikolov 2017, "Bag of Tricks for
  Efficient Text Classification" (fastText), without its n-grams.
  """

  vocabulary_size: int
  num_classes: int = 2
  width: int = 16
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.embedding = nn.Embed(
      self.vocabulary_size, self.width, dtype=self.dtype
    )
    self.dense = nn.Dense(self.num_classes)

  def __call__(self, x: PyTree, *, train: bool = False) -> Array:
    """x -> logits `[B, K]`; train changes nothing."""
    return self.head(self.features(x, train=train), train=train)

  def features(self, x: PyTree, *, train: bool = False) -> Array:
    """x -> the mean embedding `[B, width]`; of an empty text, 0."""
    del train
    mask = x["mask"].astype(jnp.float32)[..., None]
    total = (self.embedding(x["tokens"]) * mask).sum(axis=1)
    return total / jnp.maximum(mask.sum(axis=1), 1.0)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """The mean embedding `[B, width]` -> logits `[B, K]`."""
    del train
    return self.dense(h)
