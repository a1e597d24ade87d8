"""Transformer encoder of texts."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.text.embeddings import mean_of_tokens
from robust_jax.models.text.text_classifier import TextClassifier
from robust_jax.types import Array, PyTree


class TextTransformer(TextClassifier):
  """Classifies a text by a Transformer encoder and a mean over tokens.

  Blocks normalize before attention and before their dense layers. Attention
  weights are a float32 softmax over the tokens of a text; padding beyond a text
  does not change its logits.

  Attributes:
    vocabulary_size: V; tokens are from 0 to V - 1.
    num_classes: K.
    width: length of the vector of a token; a multiple of num_heads.
    depth: number of blocks.
    num_heads: attention heads of a block.
    max_length: largest number of tokens, which have learned positions.
    dropout: dropout rate in training, after embeddings and in each block.
    embedding_width: length of the embeddings of tokens and positions, which a
      linear layer maps to `width`; None for `width`, without the layer.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Vaswani et al. 2017, "Attention is all you need", section 3.1;
  normalization before each part as in Xiong et al. 2020, "On layer
  normalization in the Transformer architecture"; embeddings of another length
  as in Lan et al. 2020, "ALBERT", section 3.1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import TextTransformer
    >>> tokens, mask = jnp.array([[3, 1, 0]]), jnp.array([[1, 1, 0]])
    >>> text = {"tokens": tokens, "mask": mask}
    >>> model = TextTransformer(vocabulary_size=5, width=8, depth=1)
    >>> init = jax.jit(model.init_with_output)
    >>> logits, variables = init(jax.random.key(0), text)
    >>> logits.shape
    (1, 2)
  """

  depth: int = 4
  num_heads: int = 4
  max_length: int = 128
  dropout: float = 0.1
  embedding_width: int | None = None

  def setup(self):
    super().setup()
    self.positions = self.param(
      "positions",
      nn.initializers.normal(0.02),
      (self.max_length, self.embedding_size),
    )
    self.project = nn.Dense(self.width, dtype=self.dtype)
    self.blocks = [
      Block(self.num_heads, self.dropout, self.dtype) for _ in range(self.depth)
    ]
    self.norm = nn.LayerNorm(dtype=jnp.float32)

  @property
  def embedding_size(self) -> int:
    """Length of an embedding."""
    return self.embedding_width or self.width

  def encode(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes a vector of each token, `[B, T, width]` float32.

    Raises:
      ValueError: T is above max_length.
    """
    length = x["tokens"].shape[1]
    if length > self.max_length:
      raise ValueError(
        f"texts of {length} tokens: expected {self.max_length} at most, the "
        "max_length of the model; shorten the texts, or train a longer model."
      )
    h = self.embeddings(x) + self.positions[:length].astype(self.dtype)
    h = self.drop(h, deterministic=not train)
    if self.embedding_size != self.width:
      h = self.project(h)
    for block in self.blocks:
      h = block(h, x["mask"] > 0, train=train)
    return self.norm(h.astype(jnp.float32))

  def features(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes features `[B, width]`, the mean over tokens of `encode`."""
    return mean_of_tokens(self.encode(x, train=train), x)


class Block(nn.Module):
  """A block of a Transformer encoder: attention, then two dense layers.

  Attributes:
    num_heads: attention heads.
    dropout: dropout rate of what is added to the residual stream.
    dtype: dtype of the computation.
  """

  num_heads: int
  dropout: float
  dtype: DTypeLike

  @nn.compact
  def __call__(self, h: Array, mask: Array, *, train: bool) -> Array:
    """Maps vectors `[B, T, width]` to others; the mask `[B, T]` is boolean."""
    drop = nn.Dropout(self.dropout, deterministic=not train)
    width = h.shape[-1]
    normed = self._norm(h, "norm_attention")
    q, k, v = (
      nn.DenseGeneral(
        (self.num_heads, width // self.num_heads), dtype=self.dtype, name=name
      )(normed)
      for name in ("query", "key", "value")
    )
    mixed = attend(q, k, v, mask)
    mixed = nn.DenseGeneral(
      width, axis=(-2, -1), dtype=self.dtype, name="output"
    )(mixed)
    h = h + drop(mixed)
    inner = nn.Dense(4 * width, dtype=self.dtype, name="expand")(
      self._norm(h, "norm_dense")
    )
    active = nn.gelu(inner.astype(jnp.float32)).astype(self.dtype)
    return h + drop(nn.Dense(width, dtype=self.dtype, name="reduce")(active))

  def _norm(self, h: Array, name: str) -> Array:
    norm = nn.LayerNorm(dtype=jnp.float32, name=name)
    return norm(h.astype(jnp.float32)).astype(self.dtype)


def attend(q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
  """Attention of queries over the keys at tokens.

  Args:
    q: queries `[B, Q, H, D]`.
    k: keys `[B, T, H, D]`.
    v: values, likewise.
    mask: `[B, T]` boolean, true at tokens; None if all are tokens.

  Returns:
    `[B, Q, H, D]` of the dtype of v.
  """
  scores = jnp.einsum("bqhd,bkhd->bhqk", q, k).astype(jnp.float32)
  scores = scores / math.sqrt(q.shape[-1])
  if mask is not None:
    # Finite, so that an empty text has no NaN.
    scores = jnp.where(mask[:, None, None], scores, -1e9)
  weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
  return jnp.einsum("bhqk,bkhd->bqhd", weights, v)
