"""Recognition of misspelled words by a semi-character recurrent network."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.types import Array, PyTree


class SemiCharacterRNN(nn.Module):
  """Recognizes each word of a text, however its inner letters are written.

  A word is seen as its first character, the number of each of its inner ones,
  and its last one, so that a swap inside changes nothing. A bidirectional LSTM
  reads these vectors, and a linear layer names the word.

  x is `{"tokens": [B, T, L] int, "mask": [B, T]}`: the characters of T words,
  with 0 behind the end of a word. The mask is 1 at words and 0 at padding.

  Attributes:
    vocabulary_size: V, the number of words that it knows.
    num_characters: C; characters are from 1 to C - 1.
    hidden_size: size of the LSTM in each direction.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Sakaguchi, Duh, Post and Van Durme 2017, "Robsut wrod reocginiton via
  semi-character recurrent neural network"; Pruthi, Dhingra and Lipton 2019,
  "Combating adversarial misspellings with robust word recognition", section 3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import SemiCharacterRNN
    >>> letters = jnp.array([[[3, 1, 2, 4], [3, 2, 1, 4]]])
    >>> x = {"tokens": letters, "mask": jnp.ones((1, 2))}
    >>> model = SemiCharacterRNN(vocabulary_size=7, num_characters=5)
    >>> init = jax.jit(model.init_with_output)
    >>> logits, variables = init(jax.random.key(0), x)
    >>> logits.shape
    (1, 2, 7)
  """

  vocabulary_size: int
  num_characters: int = 64
  hidden_size: int = 50
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: PyTree, *, train: bool = False) -> Array:
    """Computes logits `[B, T, V]`; `train` has no effect."""
    del train
    h = semi_characters(x["tokens"], self.num_characters).astype(self.dtype)
    lengths = x["mask"].sum(axis=1).astype(jnp.int32)
    forward, backward = (
      nn.RNN(
        nn.LSTMCell(
          self.hidden_size,
          gate_fn=_in_float32(nn.sigmoid),
          activation_fn=_in_float32(nn.tanh),
          dtype=self.dtype,
        )
      )
      for _ in range(2)
    )
    states: Any = nn.Bidirectional(forward, backward)(h, seq_lengths=lengths)
    return nn.Dense(self.vocabulary_size)(states.astype(jnp.float32))


def _in_float32(fn: Callable[[Array], Array]) -> Callable[[Array], Array]:
  return lambda h: fn(h.astype(jnp.float32)).astype(h.dtype)


def semi_characters(characters: Array, num_characters: int) -> Array:
  """First character, bag of inner ones, and last one of each word.

  Args:
    characters: `[..., L]`, from 1 to C - 1, and 0 behind the end of a word.
    num_characters: C.

  Returns:
    `[..., 3 C]`, zeros for an empty word.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.text.semi_character_rnn import semi_characters
    >>> semi_characters(jnp.array([1, 2, 2, 1]), 3).tolist()
    [0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 1.0, 0.0]
  """
  place = jnp.arange(characters.shape[-1])
  last = (characters > 0).sum(axis=-1, keepdims=True) - 1
  one_hot = jax.nn.one_hot(characters, num_characters)
  parts = [place == 0, (place > 0) & (place < last), place == last]
  is_word = last >= 0
  return jnp.concatenate(
    [(one_hot * (p & is_word)[..., None]).sum(axis=-2) for p in parts], axis=-1
  )
