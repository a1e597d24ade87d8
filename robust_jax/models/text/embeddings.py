"""Embeddings of tokens, and pooling over the tokens of a text."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.types import Array, PyTree


class TokenEmbeddings(nn.Module):
  """Embeds tokens, with a change of the embeddings if the text has one.

  A text is `{"tokens": [B, T] int, "mask": [B, T]}`, where the mask is 1 at
  tokens and 0 at padding. Its optional entry "delta" `[B, T, D]` is added to
  the embeddings of tokens: an attack on embeddings perturbs it.

  Attributes:
    vocabulary_size: V; tokens are from 0 to V - 1.
    width: D, the length of an embedding.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Miyato, Dai and Goodfellow 2017, "Adversarial training methods for
  semi-supervised text classification", section 3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.text.embeddings import TokenEmbeddings
    >>> text = {"tokens": jnp.array([[3, 0]]), "mask": jnp.array([[1, 0]])}
    >>> model = TokenEmbeddings(vocabulary_size=5, width=2)
    >>> h, _ = model.init_with_output(jax.random.key(0), text)
    >>> h.shape, bool((h[0, 1] == 0).all())
    ((1, 2, 2), True)
  """

  vocabulary_size: int
  width: int
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: PyTree) -> Array:
    """Computes embeddings `[B, T, D]`, which are 0 at padding.

    Raises:
      ValueError: delta is of another width.
    """
    h = nn.Embed(
      self.vocabulary_size, self.width, dtype=self.dtype, name="embedding"
    )(x["tokens"])
    if "delta" in x:
      if x["delta"].shape[-1] != self.width:
        raise ValueError(
          f"a change of embeddings of width {x['delta'].shape[-1]}: expected "
          f"{self.width}, the width of the model; set that of the loss, or of "
          "the perturbation set."
        )
      h = h + x["delta"].astype(h.dtype)
    return h * mask_of(x, h.dtype)


def mask_of(x: PyTree, dtype: DTypeLike) -> Array:
  """The mask of a text as numbers `[B, T, 1]`."""
  return x["mask"].astype(dtype)[..., None]


def mean_of_tokens(h: Array, x: PyTree) -> Array:
  """The mean over the tokens of each text, float32 `[B, D]`; 0 if it is empty.

  Args:
    h: `[B, T, D]`.
    x: the text, of which the mask is used.
  """
  mask = mask_of(x, jnp.float32)
  total = (h.astype(jnp.float32) * mask).sum(axis=1)
  return total / jnp.maximum(mask.sum(axis=1), 1.0)


def max_of_tokens(h: Array, x: PyTree) -> Array:
  """The maximum over the tokens of each text, or 0 if it is larger.

  Args:
    h: `[B, T, D]`.
    x: the text, of which the mask is used.

  Returns:
    `[B, D]` of the dtype of h, 0 for an empty text.
  """
  return (jnp.maximum(h, 0) * mask_of(x, h.dtype)).max(axis=1)


def embeddings_of(variables: PyTree) -> Array:
  """Returns the embeddings `[V, D]` of the vocabulary of a text classifier.

  Args:
    variables: "params" and other collections of a model with `TokenEmbeddings`
      of the name "embeddings".

  Raises:
    ValueError: it has none.
  """
  try:
    return variables["params"]["embeddings"]["embedding"]["embedding"]
  except (KeyError, TypeError) as error:
    raise ValueError(
      "a model without embeddings of tokens: expected one whose params have "
      "embeddings/embedding/embedding, as those of models.text do."
    ) from error
