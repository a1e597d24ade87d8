"""Heads with which an encoder of texts is pre-trained, and what is deployed."""

import dataclasses
from collections.abc import Callable

import jax
from flax import linen as nn

from robust_jax.types import Array, PyTree


class TokenHead(nn.Module):
  """Predicts tokens from vectors, by a softmax tied to a table of embeddings.

  A dense layer, a gelu and a normalization map each vector to the length of an
  embedding; logits are its products with the embeddings, and a bias.

  Attributes:
    vocabulary_size: V.
    embedding_size: E.

  Source: Devlin et al. 2019, "BERT", section 3.1 and its code.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.text.pretraining import TokenHead
    >>> head, table = TokenHead(5, 2), jnp.zeros((5, 2))
    >>> h = jnp.ones((1, 3, 8))
    >>> logits, _ = head.init_with_output(jax.random.key(0), h, table)
    >>> logits.shape
    (1, 3, 5)
  """

  vocabulary_size: int
  embedding_size: int

  @nn.compact
  def __call__(self, h: Array, table: Array) -> Array:
    """Computes logits `[..., V]` of vectors `[..., D]` by a table `[V, E]`."""
    h = nn.gelu(nn.Dense(self.embedding_size, name="dense")(h))
    h = nn.LayerNorm(name="norm")(h)
    bias = self.param("bias", nn.initializers.zeros, (self.vocabulary_size,))
    return h @ table.T + bias


class ReplacementHead(nn.Module):
  """Says of each token whether it was replaced: a dense layer, a gelu, a logit.

  Source: Clark et al. 2020, "ELECTRA", section 2, and its code.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.text.pretraining import ReplacementHead
    >>> head, h = ReplacementHead(), jnp.ones((1, 3, 8))
    >>> head.init_with_output(jax.random.key(0), h)[0].shape
    (1, 3)
  """

  @nn.compact
  def __call__(self, h: Array) -> Array:
    """Computes logits `[...]` of vectors `[..., D]`, above 0 if replaced."""
    h = nn.gelu(nn.Dense(h.shape[-1], name="dense")(h))
    return nn.Dense(1, name="logit")(h)[..., 0]


def embedding_table(params: PyTree) -> Array:
  """The table `[V, E]` in the parameters of a model with `TokenEmbeddings`."""
  return params["embeddings"]["embedding"]["embedding"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class TextEncoder:
  """A pre-trained encoder of texts, which fine-tuning starts from.

  Attributes:
    encode: text -> vectors `[B, T, D]`, see `TextTransformer.encode`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.text.pretraining import TextEncoder
    >>> encoder = TextEncoder(lambda x: x["tokens"][..., None])
    >>> encoder.encode({"tokens": jnp.ones((2, 3))}).shape
    (2, 3, 1)
  """

  encode: Callable[[PyTree], Array]
