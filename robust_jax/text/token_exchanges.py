"""First-order values of exchanges of one token, by one backward pass."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tokenizers

from robust_jax.text.edit_set import EditSet
from robust_jax.text.split_text import SplitText
from robust_jax.text.tokenizer import SPECIAL_TOKENS, is_word_piece

_UNKNOWN = SPECIAL_TOKENS.index("[UNK]")


class AskExchanges(NamedTuple):
  """A question of a search for the `TokenExchanges` of some texts.

  Attributes:
    texts: the original text, or texts whose values the search has asked for.
  """

  texts: list[SplitText]


class TokenExchanges(NamedTuple):
  """The gains of a text by exchanges of one token, to first order.

      gains[t, v] = <g[t], e[v] - e[tokens[t]]>

  where e are the embeddings of the vocabulary, and g is the gradient of what is
  maximized in those of the text, of T tokens.

  Attributes:
    gains: `[T, V]`.
    tokens: the tokens `[T]`.
    spans: T pairs, the first character of a token in the text and the one
      behind its last.
    replaced_tokens: see `ReplacedTokens`.

  Source: Ebrahimi, Rao, Lowd and Dou 2018, "HotFlip: white-box adversarial
  examples for text classification", eq. 3.
  """

  gains: np.ndarray
  tokens: Sequence[int]
  spans: Sequence[tuple[int, int]]
  replaced_tokens: "ReplacedTokens"

  def importance(self, text: SplitText, place: int) -> float:
    """Returns the gain if all tokens of a word become unknown ones."""
    rows = self._rows(text, place)
    return float(self.gains[rows, _UNKNOWN].sum())

  def of_replacements(
    self, edit_set: EditSet, original: SplitText, place: int, text: SplitText
  ) -> np.ndarray:
    """Returns the gain by each replacement of a word, to first order.

    Args:
      edit_set: the set of edits.
      original: the text as it was.
      place: place of the word.
      text: an edited version with the original word there, whose exchanges
        these are.

    Returns:
      A gain for each of `edit_set.replacements(original, place)`; 0, for an
      unknown one, where a replacement exchanges more than one token.
    """
    word = original.words[place]
    which, new = self.replaced_tokens.find(edit_set, original, place)
    rows = self._rows(text, place)
    alone = self.replaced_tokens.tokens(word)
    if [self.tokens[row] for row in rows] != alone:  # cut off, or part of more
      return np.zeros(len(which))
    gains = self.gains[np.asarray(rows)[np.maximum(which, 0)], new]
    return np.where(which >= 0, gains, 0.0)

  def _rows(self, text: SplitText, place: int) -> list[int]:
    """The tokens inside the word at a place, of which there may be none."""
    before = text._replace(
      words=text.words[:place], gaps=text.gaps[: place + 1]
    )
    start = len(str(before))
    end = start + len(text.words[place])
    return [
      row
      for row, (first, last) in enumerate(self.spans)
      if start <= first < last <= end
    ]


class ReplacedTokens:
  """Finds the token that each replacement of a word exchanges, and the new one.

  Args:
    tokenizer: see `text.tokenizer`.
  """

  def __init__(self, tokenizer: tokenizers.Tokenizer):
    self._tokenizer = tokenizer
    self._vocabulary = tokenizer.get_vocab()
    self._is_word_piece = is_word_piece(tokenizer)
    self._encode = functools.lru_cache(maxsize=1 << 14)(
      lambda word: tokenizer.encode(word, add_special_tokens=False)
    )
    self._token = functools.lru_cache(maxsize=1 << 16)(self._find_token)
    self._find = functools.lru_cache(maxsize=1 << 9)(self._find_all)

  def tokens(self, word: str) -> list[int]:
    """Returns the tokens of a word alone."""
    return self._encode(word).ids

  def find(
    self, edit_set: EditSet, original: SplitText, place: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """Compares a word with its replacements.

    Returns:
      For each replacement, the exchanged token of the word, -1 where it is not
      exactly one, and the new token.
    """
    return self._find(edit_set, original.words[place])

  def _find_all(
    self, edit_set: EditSet, word: str
  ) -> tuple[np.ndarray, np.ndarray]:
    encoded = self._encode(word)
    parts = [
      (word[:start], word[end:], token.startswith("##"))
      for token, (start, end) in zip(
        encoded.tokens, encoded.offsets, strict=True
      )
    ]
    replacements = edit_set.of_word(word)
    if [part[:2] for part in parts] == [("", "")]:  # a vocabulary, as it is
      single = [self._token(new, False) for new in replacements]
      found = [(-1, 0) if t is None else (0, t) for t in single]
    else:
      found = [self._exchange(parts, new) for new in replacements]
    which, tokens = np.array(found, np.int32).reshape(-1, 2).T
    return which, tokens

  def _exchange(
    self, parts: Sequence[tuple[str, str, bool]], new: str
  ) -> tuple[int, int]:
    """The token whose surroundings are all that a replacement keeps."""
    for i, (before, after, is_inner) in enumerate(parts):
      if new.startswith(before) and new.endswith(after):
        token = self._token(new[len(before) : len(new) - len(after)], is_inner)
        if token is not None:
          return i, token
    return -1, 0

  def _find_token(self, text: str, is_inner: bool) -> int | None:
    """The token that a part of a word is, if it is one."""
    if self._tokenizer.normalizer is not None:
      text = self._tokenizer.normalizer.normalize_str(text)
    if self._is_word_piece:
      return self._vocabulary.get(f"##{text}" if is_inner else text)
    tokens = self._encode(text).ids
    return tokens[0] if len(tokens) == 1 else None
