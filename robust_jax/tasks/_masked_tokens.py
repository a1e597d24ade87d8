"""Masking of tokens, and their prediction, for tasks of pre-training."""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.models.text.pretraining import TokenHead, embedding_table
from robust_jax.models.text.text_transformer import TextTransformer
from robust_jax.text.tokenizer import SPECIAL_TOKENS
from robust_jax.types import Array, Key, PyTree

_NEVER = -1e9  # finite, so that nothing is NaN
MASK = SPECIAL_TOKENS.index("[MASK]")


class Selection(NamedTuple):
  """Chosen places of sequences.

  Attributes:
    places: `[B, M]`, different ones in each row.
    chosen: `[B, M]` bool, false at the surplus places of a row with fewer.
  """

  places: Array
  chosen: Array

  def take(self, values: Array) -> Array:
    """Takes the values `[B, M, ...]` at the places of `[B, T, ...]`."""
    rows = jnp.arange(len(values))[:, None]
    return values[rows, self.places]

  def put(self, values: Array, new: Array | int) -> Array:
    """Replaces `values [B, T]` at the chosen places by `new [B, M]`."""
    rows = jnp.arange(len(values))[:, None]
    new = jnp.where(self.chosen, new, self.take(values))
    return values.at[rows, self.places].set(new)


def select(
  key: Key, tokens: Array, allowed: Array, fraction: float
) -> Selection:
  """Chooses a fraction of the ordinary tokens of each sequence at random.

  Of n ordinary tokens it is round(fraction n), but at least one if there is
  any, without replacement: those of the largest random scores.

  Args:
    key: random key.
    tokens: `[B, T]`; special tokens are never chosen.
    allowed: `[B, T]`, 0 where nothing is chosen, such as at padding.
    fraction: above 0 and at most 1.
  """
  length = tokens.shape[1]
  numbers = np.array(
    [min(n, max(1, round(fraction * n))) for n in range(length + 1)]
  )
  ordinary = (tokens >= len(SPECIAL_TOKENS)) & (allowed > 0)
  scores = jnp.where(ordinary, jax.random.gumbel(key, tokens.shape), -jnp.inf)
  _, places = jax.lax.top_k(scores, int(numbers.max()))
  number = jnp.asarray(numbers)[ordinary.sum(axis=1)]
  return Selection(places, jnp.arange(numbers.max()) < number[:, None])


class Predictor(NamedTuple):
  """An encoder with a head that predicts tokens.

  Attributes:
    encoder: the encoder.
    head: the head.
  """

  encoder: TextTransformer
  head: TokenHead

  @classmethod
  def of(cls, encoder: TextTransformer) -> "Predictor":
    """Adds a head to an encoder."""
    return cls(
      encoder, TokenHead(encoder.vocabulary_size, encoder.embedding_size)
    )

  def init(self, key: Key, x: PyTree) -> tuple[PyTree, PyTree]:
    """Makes the parameters of the encoder and of the head, for a text x."""
    keys = jax.random.split(key)
    params = init_encoder(self.encoder, keys[0], x)
    h, table = jnp.zeros((1, self.encoder.width)), embedding_table(params)
    return params, self.head.init(keys[1], h, table)["params"]

  def __call__(
    self,
    params: PyTree,
    head_params: PyTree,
    x: PyTree,
    selection: Selection,
    key: Key | None,
  ) -> Array:
    """Computes float32 logits `[B, M, V]` of the tokens of a selection.

    They are masked first. Special tokens are never predicted.

    Args:
      params: parameters of the encoder.
      head_params: parameters of the head.
      x: the text.
      selection: M places of each text.
      key: key of dropout; None for inference.
    """
    masked = {**x, "tokens": selection.put(x["tokens"], MASK)}
    h = selection.take(encode(self.encoder, params, masked, key))
    table = embedding_table(params)
    logits = cast(Array, self.head.apply({"params": head_params}, h, table))
    special = jnp.arange(logits.shape[-1]) < len(SPECIAL_TOKENS)
    return jnp.where(special, _NEVER, logits)


def init_encoder(encoder: TextTransformer, key: Key, x: PyTree) -> PyTree:
  """Makes the parameters of an encoder, for a text x."""
  row = jax.tree.map(lambda leaf: leaf[:1], x)
  return encoder.init(key, row, method="encode")["params"]


def encode(
  encoder: TextTransformer, params: PyTree, x: PyTree, key: Key | None
) -> Array:
  """Computes vectors `[B, T, D]`, with dropout if there is a key."""
  training: dict[str, Any] = {}
  if key is not None:
    training = {"train": True, "rngs": {"dropout": key}}
  return cast(
    Array, encoder.apply({"params": params}, x, method="encode", **training)
  )


def negative_log_likelihood(logits: Array, tokens: Array) -> Array:
  """Computes -log p(token) `[...]` of logits `[..., V]`."""
  log_p = jax.nn.log_softmax(logits)
  return -jnp.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]
