"""Classifiers of texts by features of them, dropout, and a linear layer."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.text.embeddings import TokenEmbeddings
from robust_jax.types import Array, PyTree


class TextClassifier(nn.Module):
  """Classifies a text by features, to which dropout and a linear layer apply.

  A subclass has a method `features`, and adds its own layers in `setup`.

  Attributes:
    vocabulary_size: V; tokens are from 0 to V - 1.
    num_classes: K.
    width: length of an embedding.
    dropout: dropout rate of the features in training.
    dtype: dtype of the computation, see `robust_jax.precision`.
  """

  vocabulary_size: int
  num_classes: int = 2
  width: int = 128
  dropout: float = 0.5
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.embeddings = TokenEmbeddings(
      self.vocabulary_size, self.embedding_size, self.dtype
    )
    self.drop = nn.Dropout(self.dropout)
    self.dense = nn.Dense(self.num_classes)

  @property
  def embedding_size(self) -> int:
    """Length of an embedding."""
    return self.width

  def __call__(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes logits `[B, K]` of a text, see `TokenEmbeddings`.

    With `train=True` and dropout, `apply` needs `rngs={"dropout": key}`.
    """
    return self.head(self.features(x, train=train), train=train)

  def features(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes features `[B, D]` float32 of a text."""
    raise NotImplementedError

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies dropout and the linear layer, to logits `[B, K]`."""
    return self.dense(self.drop(h, deterministic=not train))
