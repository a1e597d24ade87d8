"""A front that recognizes misspelled words before a model reads them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import jax
import numpy as np

from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.models.as_pytree import as_pytree
from robust_jax.text.attack_texts import TextPredict
from robust_jax.text.split_text import split
from robust_jax.text.tokenizer import SPECIAL_TOKENS
from robust_jax.types import Array, Model

BackOff = Literal["pass_through", "neutral"]
Recognizer = Callable[[Sequence[str]], list[str]]
"""N texts -> N texts, with other words at the same places."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789'-"
_OTHER = 1 + len(_ALPHABET)
NUM_CHARACTERS = 1 + _OTHER
"""Number of characters of `encode_words`: none, the alphabet, and any other."""
_CODES = {character: i for i, character in enumerate(_ALPHABET, start=1)}
_NEUTRAL = "a"
# Texts that are recognized at once: there is a logit for each word they may be.
_TOGETHER = 32
_MULTIPLE = 16  # of the number of words that the model is compiled for


def encode_words(
  texts: Sequence[str], num_words: int, word_length: int
) -> dict[str, np.ndarray]:
  """Encodes the characters of the first words of texts.

  Args:
    texts: N texts.
    num_words: T, number of words; further ones are left out.
    word_length: L, number of characters; of a longer word the last ones inside
      are left out.

  Returns:
    "tokens" uint8 `[N, T, L]`, in lower case, 0 behind the end of a word, and
    "mask" bool `[N, T]`.

  Example:
    >>> from robust_jax.text.word_recognition import encode_words
    >>> encode_words(["Bad!"], num_words=2, word_length=4)["tokens"]
    array([[[2, 1, 4, 0],
            [0, 0, 0, 0]]], dtype=uint8)
  """
  tokens = np.zeros((len(texts), num_words, word_length), np.uint8)
  mask = np.zeros((len(texts), num_words), bool)
  for row, text in enumerate(texts):
    for place, word in enumerate(split(text).words[:num_words]):
      if len(word) > word_length:
        word = word[: word_length - 1] + word[-1]
      codes = [_CODES.get(character, _OTHER) for character in word.lower()]
      tokens[row, place, : len(codes)] = codes[:word_length]
      mask[row, place] = True
  return {"tokens": tokens, "mask": mask}


def word_recognizer(
  model: Model,
  vocabulary: Mapping[str, int],
  *,
  word_length: int,
  unknown: BackOff = "pass_through",
  background: Recognizer | None = None,
) -> Recognizer:
  """Makes a function of texts that corrects their words.

  Words of one or two characters stay.

  Args:
    model: characters of words -> logits `[B, T, V]`, see `SemiCharacterRNN`.
    vocabulary: word in lower case -> its class; the class of "[UNK]" is that of
      words it does not know.
    word_length: L, see `encode_words`.
    unknown: whether an unknown word passes through, or becomes a neutral one,
      "a".
    background: a recognizer of more words, which is asked for unknown ones
      first.

  Raises:
    ValueError: `unknown` is none of these.

  Source: Pruthi, Dhingra and Lipton 2019, "Combating adversarial misspellings
  with robust word recognition", section 3.2.

  Deviation: short words are not recognized, and a word keeps its place among
  marks of punctuation.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.text.word_recognition import word_recognizer
    >>> def model(x):  # all words begin with "f" or are unknown
    ...   is_film = x["tokens"][..., 0] == 6
    ...   return jnp.stack([0 * is_film, ~is_film, is_film], -1) * 1.0
    >>> vocabulary = {"[PAD]": 0, "[UNK]": 1, "film": 2}
    >>> recognize = word_recognizer(model, vocabulary, word_length=8)
    >>> recognize(["A godo flim!"])
    ['A godo film!']
  """
  if unknown not in get_args(BackOff):
    raise ValueError(
      f"unknown = {unknown!r}: expected one of {', '.join(get_args(BackOff))}."
    )
  words = {i: word for word, i in vocabulary.items()}
  classes_of = as_numpy_fn(jax.tree_util.Partial(_classes, as_pytree(model)))

  def recognize(texts: Sequence[str]) -> list[str]:
    others = background(texts) if background else texts
    found = [""] * len(texts)
    lengths = np.array([len(split(text).words) for text in texts])
    by_length = np.argsort(lengths, kind="stable")
    for start in range(0, len(texts), _TOGETHER):
      rows = by_length[start : start + _TOGETHER]
      longest = max(1, -(-int(lengths[rows[-1]]) // _MULTIPLE)) * _MULTIPLE
      x = encode_words([texts[row] for row in rows], longest, word_length)
      classes = classes_of(x["tokens"], x["mask"]).astype(int)
      for row, of_text in zip(rows, classes, strict=True):
        found[row] = _rewritten(texts[row], others[row], of_text)
    return found

  def _rewritten(text: str, other: str, classes: np.ndarray) -> str:
    original, behind = split(text), split(other)
    new = list(original.words)
    for place, found in enumerate(classes[: len(new)].tolist()):
      word = words[found]
      if len(new[place]) <= 2:
        continue
      if word not in SPECIAL_TOKENS:
        new[place] = word
      elif background and behind.words[place] != original.words[place]:
        new[place] = behind.words[place]
      elif unknown == "neutral":
        new[place] = _NEUTRAL
    return str(original._replace(words=tuple(new)))

  return recognize


def _classes(model: Model, tokens: Array, mask: Array) -> Array:
  return model({"tokens": tokens, "mask": mask}).argmax(axis=-1)


def behind(recognize: Recognizer, predict: TextPredict) -> TextPredict:
  """Puts a recognizer in front of any model of texts.

  An attack on what this returns sees the defended model, and is adaptive.

  Args:
    recognize: see `word_recognizer`.
    predict: any function of a list of strings.

  Example:
    >>> from robust_jax.text.word_recognition import behind
    >>> correct = lambda texts: [t.replace("flim", "film") for t in texts]
    >>> behind(correct, lambda texts: texts)(["a flim"])
    ['a film']
  """
  return lambda texts: predict(recognize(texts))
