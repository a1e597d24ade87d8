"""Bag of words: the mean of token embeddings and a linear layer."""

from flax import linen as nn
from jax import numpy as jnp
from jax.typing import DTypeLike

from robust_jax.models.text.embeddings import TokenEmbeddings, mean_of_tokens
from robust_jax.types import Array, PyTree


class BagOfWords(nn.Module):
  """Classifies a text by the mean of its tokens' embeddings.

  x is `{"tokens": [B, T] int, "mask": [B, T]}`, where the mask is 1 at tokens
  and 0 at padding, which is ignored. The order of the tokens does not matter.

  Attributes:
    vocabulary_size: V; tokens are from 0 to V - 1.
    num_classes: K.
    width: length of an embedding.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Joulin, Grave, Bojanowski and Mikolov, "Bag of Tricks for Efficient
  Text Classification" (fastText), 2017.

  Deviation: there are no n-grams.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import BagOfWords
    >>> tokens, mask = jnp.array([[3, 1, 0]]), jnp.array([[1, 1, 0]])
    >>> text = {"tokens": tokens, "mask": mask}
    >>> model = BagOfWords(vocabulary_size=5, num_classes=2)
    >>> init = jax.jit(model.init_with_output)
    >>> logits, variables = init(jax.random.key(0), text)
    >>> logits.shape
    (1, 2)
  """

  vocabulary_size: int
  num_classes: int = 2
  width: int = 16
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.embeddings = TokenEmbeddings(
      self.vocabulary_size, self.width, self.dtype
    )
    self.dense = nn.Dense(self.num_classes)

  def __call__(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes logits `[B, K]` of a text; `train` has no effect."""
    return self.head(self.features(x, train=train), train=train)

  def features(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes the mean embedding `[B, width]` of a text, 0 of an empty one."""
    del train
    return mean_of_tokens(self.embeddings(x), x)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the linear layer: `[B, width]` -> logits `[B, K]`."""
    del train
    return self.dense(h)
