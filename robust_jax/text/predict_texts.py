"""A JAX model of tokens as a function of strings."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
import tokenizers

from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.models.inference import as_pytree
from robust_jax.text.tokenizer import encode
from robust_jax.types import Array, Model

# A model is compiled for these fractions of the largest length.
_FRACTIONS = (0.25, 0.5, 1.0)


def predict_texts(
  model: Model, tokenizer: tokenizers.Tokenizer, length: int
) -> Callable[[Sequence[str]], np.ndarray]:
  """Makes a function of strings of a model of tokens.

  Texts are sorted by length, so that short ones are padded less; the model must
  not depend on padding.

  Args:
    model: tokens and mask `[B, T]` -> logits `[B, K]`.
    tokenizer: see `text.tokenizer`.
    length: largest number of tokens; longer texts are cut at the end.

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
  lengths = sorted({max(1, int(f * length)) for f in _FRACTIONS})

  def predict(texts: Sequence[str]) -> np.ndarray:
    x = encode(tokenizer, texts, length)
    used = x["mask"].sum(axis=1)
    found: np.ndarray | None = None
    smaller = -1
    for most in lengths:
      rows = np.flatnonzero((used > smaller) & (used <= most))
      smaller = most
      if len(rows):
        pieces = (x[name][rows, :most] for name in ("tokens", "mask"))
        logits = outputs(*pieces)
        if found is None:
          found = np.empty((len(x["mask"]), logits.shape[1]), np.float32)
        found[rows] = logits
    assert found is not None, "expected one text or more"
    return found

  return predict


def _outputs(model: Model, tokens: Array, mask: Array) -> Array:
  return model({"tokens": tokens, "mask": mask})
