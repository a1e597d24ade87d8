"""Edits of tokens: any token of a word becomes any other."""

import bisect
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import tokenizers

from robust_jax.text.edits.base import Edit
from robust_jax.text.tokenizer import is_word_piece


def exchange_tokens(tokenizer: tokenizers.Tokenizer) -> Edit:
  """Exchanges of one token of a word for any other of letters and digits.

  A token is a word, a piece of a word, or a character. Pieces that begin a word
  are exchanged for such, and inner ones for inner ones. The replacements of a
  word are so many that they are made when they are looked at.

  Args:
    tokenizer: see `text.tokenizer`.

  Raises:
    ValueError: the tokenizer has fewer than two such tokens.

  Source: Ebrahimi, Rao, Lowd and Dou 2018, "HotFlip: white-box adversarial
  examples for text classification", sections 3 and 5.

  Example:
    >>> from robust_jax.text import edits
    >>> from robust_jax.text.tokenizer import train_tokenizer
    >>> exchange = edits.exchange_tokens(train_tokenizer(["a good bad film"]))
    >>> list(exchange("Good")), "bad" in exchange("Good")
    (['a', 'bad', 'film'], True)
  """
  prefix = "##" if is_word_piece(tokenizer) else ""
  vocabulary = sorted(tokenizer.get_vocab())
  first = [token for token in vocabulary if token.isalnum()]
  inner = [
    token.removeprefix(prefix)
    for token in vocabulary
    if token.startswith(prefix) and token.removeprefix(prefix).isalnum()
  ]
  if len(first) < 2:
    raise ValueError(
      f"a tokenizer with {len(first)} tokens of letters and digits: expected "
      "two or more to exchange."
    )

  def edit(word: str) -> Sequence[str]:
    encoded = tokenizer.encode(word, add_special_tokens=False)
    parts = [
      _Part(
        word[:start],
        inner if prefix and token.startswith(prefix) else first,
        word[end:],
        token.removeprefix(prefix),
      )
      for token, (start, end) in zip(
        encoded.tokens, encoded.offsets, strict=True
      )
    ]
    return _Exchanges(parts)

  return edit


class _Part(NamedTuple):
  """A token of a word: what stands around it, and what may replace it."""

  before: str
  others: list[str]
  after: str
  token: str

  @property
  def own(self) -> int:
    """Place of the token among the others; their number if it is not there."""
    place = bisect.bisect_left(self.others, self.token)
    is_there = self.others[place : place + 1] == [self.token]
    return place if is_there else len(self.others)

  def __contains__(self, word: object) -> bool:
    if not isinstance(word, str) or not (
      word.startswith(self.before) and word.endswith(self.after)
    ):
      return False
    middle = word[len(self.before) : len(word) - len(self.after)]
    place = bisect.bisect_left(self.others, middle)
    return middle != self.token and self.others[place : place + 1] == [middle]


class _Exchanges(Sequence[str]):
  """The words in which one token is another one."""

  def __init__(self, parts: Sequence[_Part]):
    self._parts = parts
    counts = [len(p.others) - (p.own < len(p.others)) for p in parts]
    self._ends = list(itertools.accumulate(counts))

  def __len__(self) -> int:
    return self._ends[-1] if self._ends else 0

  def __getitem__(self, index: Any) -> Any:
    which = bisect.bisect_right(self._ends, index)
    if index < 0 or which == len(self._ends):
      raise IndexError(index)
    part = self._parts[which]
    place = index - (self._ends[which - 1] if which else 0)
    return part.before + part.others[place + (place >= part.own)] + part.after

  def __iter__(self):
    for part in self._parts:
      own = part.own
      for place, other in enumerate(part.others):
        if place != own:
          yield part.before + other + part.after

  def __contains__(self, word: object) -> bool:
    return any(word in part for part in self._parts)
