"""Convolutional network on the characters of a text."""

import jax.numpy as jnp
from flax import linen as nn

from robust_jax.models.text.embeddings import mask_of
from robust_jax.models.text.text_classifier import TextClassifier
from robust_jax.types import Array, PyTree

_FOR_RELU = nn.initializers.he_normal()


class CharacterCNN(TextClassifier):
  """Classifies a text by convolutions over its characters.

  Two convolutions of 7 and two of 3 characters, each followed by a relu, and
  the first two by a maximum over 3 places; then the maximum over all places and
  a linear layer. Padding beyond a text is seen as zeros.

  Attributes:
    vocabulary_size: V, the number of characters; tokens are from 0 to V - 1.
    num_classes: K.
    width: length of a character's embedding.
    filters: number of filters of each convolution.
    dropout: dropout rate of the features in training.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Zhang, Zhao and LeCun 2015, "Character-level convolutional networks
  for text classification", section 2.

  Deviation: four convolutions instead of six, embeddings of characters, and a
  maximum over all places in place of the hidden dense layers.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import CharacterCNN
    >>> tokens = jnp.arange(24).reshape(1, 24) % 5
    >>> text = {"tokens": tokens, "mask": jnp.ones((1, 24))}
    >>> model = CharacterCNN(vocabulary_size=5, num_classes=2)
    >>> init = jax.jit(model.init_with_output)
    >>> logits, variables = init(jax.random.key(0), text)
    >>> logits.shape
    (1, 2)
  """

  width: int = 32
  filters: int = 128

  def setup(self):
    super().setup()
    self.convolutions = [
      nn.Conv(self.filters, (size,), dtype=self.dtype, kernel_init=_FOR_RELU)
      for size in (7, 7, 3, 3)
    ]

  def features(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes features `[B, filters]`, 0 or more."""
    del train
    h, mask = self.embeddings(x), mask_of(x, self.dtype)
    for i, conv in enumerate(self.convolutions):
      h = nn.relu(conv(h)) * mask
      if i < 2:
        h, mask = (_max_of_three(a) for a in (h, mask))
    return h.max(axis=1).astype(jnp.float32)


def _max_of_three(h: Array) -> Array:
  """The maximum over groups of three places; h is 0 or more."""
  h = jnp.pad(h, [(0, 0), (0, -h.shape[1] % 3), (0, 0)])
  return h.reshape(len(h), -1, 3, h.shape[2]).max(axis=2)
