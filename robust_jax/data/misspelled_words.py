"""Misspelled words, with the words that they were, to train a recognizer."""

from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.text_files import with_variants
from robust_jax.text.split_text import split
from robust_jax.text.tokenizer import SPECIAL_TOKENS
from robust_jax.text.word_recognition import NUM_CHARACTERS, encode_words

_UNKNOWN = SPECIAL_TOKENS[1]


def misspelled_words(
  name: str,
  texts: Sequence[str],
  copies: Sequence[Sequence[str]],
  vocabulary: Mapping[str, int],
  *,
  num_words: int,
  word_length: int,
  is_training: bool,
) -> Dataset:
  """Makes a dataset of the characters of words, and what words they are.

  Args:
    name: name in error messages.
    texts: N texts.
    copies: V versions of them with typos, see `text.edited_copies`.
    vocabulary: word in lower case -> its class; others have that of "[UNK]".
    num_words: T, see `text.word_recognition.encode_words`.
    word_length: L, likewise.
    is_training: whether x is the text with the copies as its "variants",
      instead of the first copy.

  Returns:
    A `Dataset` of `x = {"tokens" [T, L], "mask" [T]}` and classes `y [T]`, -1
    behind the last word, whose info has `num_classes`, `vocabulary_size` and
    `num_characters`.

  Example:
    >>> from robust_jax.data.misspelled_words import misspelled_words
    >>> dataset = misspelled_words(
    ...   "films",
    ...   ["a film"],
    ...   [["a flim"]],
    ...   {"[UNK]": 1, "film": 5},
    ...   num_words=3,
    ...   word_length=8,
    ...   is_training=False,
    ... )
    >>> dataset.read([0])["y"].tolist()
    [[1, 5, -1]]
  """
  versions = [
    encode_words(version, num_words, word_length) for version in copies
  ]
  if is_training:
    x = with_variants(encode_words(texts, num_words, word_length), versions)
  else:
    x = versions[0]
  unknown = vocabulary[_UNKNOWN]
  y = np.full((len(texts), num_words), -1, np.int32)
  for row, text in enumerate(texts):
    words = [word.lower() for word in split(text).words[:num_words]]
    y[row, : len(words)] = [vocabulary.get(word, unknown) for word in words]
  return from_arrays(
    name,
    {"x": x, "y": y},
    info={
      "num_classes": len(vocabulary),
      "vocabulary_size": len(vocabulary),
      "num_characters": NUM_CHARACTERS,
    },
  )
