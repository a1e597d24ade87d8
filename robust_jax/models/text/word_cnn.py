"""Convolutional network on the words of a text."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn

from robust_jax.models.text.embeddings import max_of_tokens
from robust_jax.models.text.text_classifier import TextClassifier
from robust_jax.types import Array, PyTree


class WordCNN(TextClassifier):
  """Classifies a text by convolutions over its words, with a maximum over time.

  Convolutions of several sizes side by side, the relu of each one's maximum
  over all places, dropout, and a linear layer. Padding beyond a text does not
  change its logits.

  Attributes:
    vocabulary_size: V; tokens are from 0 to V - 1.
    num_classes: K.
    width: length of an embedding.
    sizes: numbers of words that the convolutions see.
    filters: number of filters of each size.
    dropout: dropout rate of the features in training.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Kim 2014, "Convolutional neural networks for sentence classification",
  the variant CNN-rand, with embeddings of 300 and 100 filters of each size.

  Deviation: convolutions also see zeros on both sides of a text.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import WordCNN
    >>> tokens, mask = jnp.array([[3, 1, 0]]), jnp.array([[1, 1, 0]])
    >>> text = {"tokens": tokens, "mask": mask}
    >>> model = WordCNN(vocabulary_size=5, num_classes=2)
    >>> init = jax.jit(model.init_with_output)
    >>> logits, variables = init(jax.random.key(0), text)
    >>> logits.shape
    (1, 2)
  """

  sizes: Sequence[int] = (3, 4, 5)
  filters: int = 100

  def setup(self):
    super().setup()
    self.convolutions = [
      nn.Conv(self.filters, (size,), dtype=self.dtype) for size in self.sizes
    ]

  def features(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes features `[B, len(sizes) * filters]`, 0 or more."""
    del train
    h = self.embeddings(x)
    pooled = [max_of_tokens(conv(h), x) for conv in self.convolutions]
    return jnp.concatenate(pooled, axis=-1).astype(jnp.float32)
