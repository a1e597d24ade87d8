"""A JAX model of tokens as a function of strings."""

from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers

from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.models.as_pytree import as_pytree
from robust_jax.text.token_exchanges import ReplacedTokens, TokenExchanges
from robust_jax.text.tokenizer import encode
from robust_jax.types import Array, Model

# A model is compiled for these fractions of the largest length.
_FRACTIONS = (0.25, 0.5, 1.0)


def predict_texts(
  model: Model,
  tokenizer: tokenizers.Tokenizer,
  length: int,
  *,
  embeddings: Array | None = None,
) -> "TokenModel":
  """Makes a function of strings of a model of tokens.

  Texts are sorted by length, so that short ones are padded less; the model must
  not depend on padding.

  Args:
    model: tokens and mask `[B, T]` -> logits `[B, K]`.
    tokenizer: see `text.tokenizer`.
    length: largest number of tokens; longer texts are cut at the end.
    embeddings: of the vocabulary, `[V, D]`, to which the model adds the entry
      "delta" of its input, see `models.text.embeddings`. Only searches by
      gradients need them.

  Returns:
    N strings -> logits float32 `[N, K]`, for N > 0.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.text.predict_texts import predict_texts
    >>> from robust_jax.text.tokenizer import train_tokenizer
    >>> model = lambda x: jnp.stack([x["mask"].sum(1), x["tokens"][:, 0]], 1)
    >>> predict = predict_texts(model, train_tokenizer(["a b"]), length=8)
    >>> predict(["a b a", "b"]).tolist()
    [[3.0, 5.0], [1.0, 6.0]]
  """
  outputs = as_numpy_fn(jax.tree_util.Partial(_outputs, as_pytree(model)))
  gains = None
  if embeddings is not None:
    gains = as_numpy_fn(
      jax.tree_util.Partial(_gains, as_pytree(model), embeddings)
    )
  return TokenModel(outputs, gains, tokenizer, length)


class TokenModel:
  """A model of tokens as a function of strings, see `predict_texts`.

  Args:
    outputs: tokens and mask `[N, T]` -> logits.
    gains: tokens, mask and slopes `[N, K]` -> what exchanges of tokens gain
      `[N, T, V]`, of the sum of slopes times log-probabilities; or None.
    tokenizer: see `text.tokenizer`.
    length: largest number of tokens.
  """

  def __init__(
    self,
    outputs: Callable[..., np.ndarray],
    gains: Callable[..., np.ndarray] | None,
    tokenizer: tokenizers.Tokenizer,
    length: int,
  ):
    self._outputs, self._gains = outputs, gains
    self._tokenizer, self._length = tokenizer, length
    self._replaced_tokens = ReplacedTokens(tokenizer)

  def __call__(self, texts: Sequence[str]) -> np.ndarray:
    """Computes logits `[N, K]` of N texts."""
    x = encode(self._tokenizer, texts, self._length)
    found: np.ndarray | None = None
    for rows, used in self._by_length(x["mask"]):
      logits = self._outputs(*(x[n][rows, :used] for n in ("tokens", "mask")))
      if found is None:
        found = np.empty((len(x["mask"]), logits.shape[1]), np.float32)
      found[rows] = logits
    assert found is not None, "expected one text or more"
    return found

  def exchanges(
    self, texts: Sequence[str], slopes: np.ndarray
  ) -> list[TokenExchanges]:
    """Values all exchanges of a token of each text, by one backward pass.

    Args:
      texts: N texts.
      slopes: `[N, K]`, of the value in the log-probabilities.

    Raises:
      ValueError: the model was made without its embeddings.
    """
    if self._gains is None:
      raise ValueError(
        "a model without the embeddings of its vocabulary: expected them as an "
        "option of `predict_texts`, for a search by gradients."
      )
    x = encode(self._tokenizer, texts, self._length)
    tables: dict[int, np.ndarray] = {}
    for rows, used in self._by_length(x["mask"]):
      pieces = (x[name][rows, :used] for name in ("tokens", "mask"))
      table = self._gains(*pieces, slopes[rows].astype(np.float32))
      tables |= dict(zip(rows.tolist(), table, strict=True))
    found = []
    for row, encoded in enumerate(self._tokenizer.encode_batch(list(texts))):
      count = int(x["mask"][row].sum())
      found.append(
        TokenExchanges(
          tables[row][:count],
          encoded.ids[:count],
          encoded.offsets[:count],
          self._replaced_tokens,
        )
      )
    return found

  def _by_length(self, mask: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Rows of similar length, and the number of tokens to look at."""
    lengths = sorted({max(1, int(f * self._length)) for f in _FRACTIONS})
    used = mask.sum(axis=1)
    smaller = -1
    for most in lengths:
      rows = np.flatnonzero((used > smaller) & (used <= most))
      smaller = most
      if len(rows):
        yield rows, most


def _outputs(model: Model, tokens: Array, mask: Array) -> Array:
  return model({"tokens": tokens, "mask": mask})


def _gains(
  model: Model, embeddings: Array, tokens: Array, mask: Array, slopes: Array
) -> Array:
  """The gains by exchanges of each token for all others, `[B, T, V]`."""

  def value(delta: Array) -> Array:
    logits = model({"tokens": tokens, "mask": mask, "delta": delta})
    return (slopes * jax.nn.log_softmax(logits)).sum()

  width = embeddings.shape[1]
  gradient = jax.grad(value)(jnp.zeros((*tokens.shape, width)))
  own = (gradient * embeddings[tokens]).sum(axis=-1, keepdims=True)
  return gradient @ embeddings.T - own
