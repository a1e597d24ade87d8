"""Tokenizers, trained on a corpus by the library `tokenizers`."""

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, trainers

from robust_jax import checks
from robust_jax.files import atomic_write
from robust_jax.text.split_text import WORD_PATTERN

TokenizerKind = Literal["word", "split_word", "word_piece", "character"]
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Tokens of every vocabulary, from 0 on: padding, unknown, beginning, separator
and mask. They are also recognized in a text."""


def train_tokenizer(
  texts: Iterable[str],
  *,
  kind: TokenizerKind = "word",
  vocabulary_size: int = 8000,
  lowercase: bool = True,
) -> tokenizers.Tokenizer:
  """Trains a tokenizer on a corpus.

  Args:
    texts: the corpus.
    kind: "word" for whole words and marks of punctuation, of which those that
      are not in the vocabulary are unknown; "split_word" for the words of
      `text.split_text`, without punctuation; "word_piece", the pieces of words
      of BERT; or "character".
    vocabulary_size: largest number of tokens, special ones included.
    lowercase: whether texts are converted to lower case.

  Returns:
    A tokenizer of the library, whose `to_str` is plain JSON.

  Raises:
    ValueError: the kind is unknown, or the vocabulary too small.

  Example:
    >>> from robust_jax.text.tokenizer import encode, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film", "a bad film"])
    >>> encode(tokenizer, ["A good plot!"], length=6)["tokens"]
    array([[5, 8, 1, 1, 0, 0]], dtype=int32)
  """
  if kind not in get_args(TokenizerKind):
    raise ValueError(
      f"kind = {kind!r}: expected one of {', '.join(get_args(TokenizerKind))}."
    )
  if vocabulary_size <= len(SPECIAL_TOKENS):
    raise ValueError(
      f"vocabulary_size = {vocabulary_size}: expected more than "
      f"{len(SPECIAL_TOKENS)}, the number of special tokens."
    )
  trainer: Any = (
    trainers.WordPieceTrainer
    if kind == "word_piece"
    else trainers.WordLevelTrainer
  )(
    vocab_size=vocabulary_size,
    special_tokens=list(SPECIAL_TOKENS),
    show_progress=False,
  )
  model: Any = models.WordPiece if kind == "word_piece" else models.WordLevel
  tokenizer = tokenizers.Tokenizer(model(unk_token="[UNK]"))
  tokenizer.pre_tokenizer = _pre_tokenizer(kind)
  if lowercase:
    tokenizer.normalizer = normalizers.Lowercase()
  tokenizer.train_from_iterator(texts, trainer)
  return tokenizer


def _pre_tokenizer(kind: TokenizerKind) -> Any:
  """Splits a text into what a token is at most."""
  if kind == "character":
    return pre_tokenizers.Split(tokenizers.Regex("(?m)."), "isolated")
  if kind == "split_word":
    words = tokenizers.Regex(WORD_PATTERN)
    return pre_tokenizers.Split(words, "removed", invert=True)
  return pre_tokenizers.BertPreTokenizer()


def encode(
  tokenizer: tokenizers.Tokenizer,
  texts: Sequence[str],
  length: int,
  *,
  pairs: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
  """Encodes texts as tokens of one length; longer texts are cut at the end.

  Of a pair that is too long the longer text is cut, and both if each is longer
  than half the length.

  Args:
    tokenizer: see `train_tokenizer`.
    texts: N texts.
    length: T.
    pairs: a second text of each example, such as a hypothesis, which follows
      behind "[SEP]".

  Returns:
    "tokens" int32 `[N, T]` and "mask" bool `[N, T]`, false at padding.

  Raises:
    ValueError: length is below 1, or there are not as many pairs as texts.

  Example:
    >>> from robust_jax.text.tokenizer import encode, train_tokenizer
    >>> tokenizer = train_tokenizer(["a b"])
    >>> encode(tokenizer, ["a"], length=4, pairs=["b a"])["tokens"]
    array([[5, 3, 6, 5]], dtype=int32)
  """
  checks.at_least_one("length", length)
  if pairs is not None and len(pairs) != len(texts):
    raise ValueError(
      f"{len(texts)} texts and {len(pairs)} second texts: expected as many."
    )
  rows = _ids(tokenizer, texts)
  if pairs is not None:
    both = zip(rows, _ids(tokenizer, pairs), strict=True)
    separator = SPECIAL_TOKENS.index("[SEP]")
    rows = [_joined(first, second, separator, length) for first, second in both]
  tokens = np.zeros((len(rows), length), np.int32)
  mask = np.zeros((len(rows), length), bool)
  for row, ids in enumerate(rows):
    ids = ids[:length]
    tokens[row, : len(ids)] = ids
    mask[row, : len(ids)] = True
  return {"tokens": tokens, "mask": mask}


def is_word_piece(tokenizer: tokenizers.Tokenizer) -> bool:
  """Returns whether tokens are pieces of words, inner ones after a "##"."""
  return isinstance(tokenizer.model, models.WordPiece)


def _ids(
  tokenizer: tokenizers.Tokenizer, texts: Sequence[str]
) -> list[list[int]]:
  return [one.ids for one in tokenizer.encode_batch_fast(list(texts))]


def _joined(
  first: list[int], second: list[int], separator: int, length: int
) -> list[int]:
  """Both texts around a separator, cut to the length."""
  room = length - 1
  of_second = min(len(second), max(room - len(first), room // 2))
  return [*first[: room - of_second], separator, *second[:of_second]]


def save_tokenizer(tokenizer: tokenizers.Tokenizer, path: pathlib.Path) -> None:
  """Writes a tokenizer as JSON, whole or not at all."""
  with atomic_write(path) as new:
    new.write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")


def load_tokenizer(path: str | pathlib.Path) -> tokenizers.Tokenizer:
  """Reads a tokenizer from JSON, which holds no code.

  Raises:
    ValueError: there is no such file, it is no tokenizer, or its first tokens
      are not `SPECIAL_TOKENS`.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.text import tokenizer
    >>> trained = tokenizer.train_tokenizer(["a b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder, "tokenizer.json")
    ...   tokenizer.save_tokenizer(trained, path)
    ...   tokenizer.load_tokenizer(path).get_vocab_size()
    7
  """
  try:
    text = pathlib.Path(path).read_text(encoding="utf-8")
    loaded = tokenizers.Tokenizer.from_str(text)
  except Exception as error:  # the library raises Exception itself
    raise ValueError(f"{path} is no tokenizer: {error}") from error
  first = tuple(loaded.id_to_token(i) for i in range(len(SPECIAL_TOKENS)))
  if first != SPECIAL_TOKENS:
    raise ValueError(
      f"{path}: a tokenizer whose first tokens are {first}: expected "
      f"{SPECIAL_TOKENS}."
    )
  return loaded
