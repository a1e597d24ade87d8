"""Texts, split into words and what stands between them."""

import re
from typing import NamedTuple

WORD_PATTERN = r"[^\W_]+(?:['\u2019-][^\W_]+)*"
"""Letters and digits, also with hyphens and apostrophes inside."""
_WORD = re.compile(WORD_PATTERN)


class SplitText(NamedTuple):
  """A text as words and gaps; `str` joins them.

  An edited text keeps its number of words, so that the words of two versions
  can be compared by place. A word that was dropped is "", and joining leaves
  out the space beside it.

  Attributes:
    words: N words.
    gaps: N + 1 strings without words, in front, between and behind.

  Example:
    >>> from robust_jax.text.split_text import split
    >>> text = split("It isn't bad.")
    >>> text.words
    ('It', "isn't", 'bad')
    >>> str(text.replace(2, "good")), str(text.replace(1, ""))
    ("It isn't good.", 'It bad.')
  """

  words: tuple[str, ...]
  gaps: tuple[str, ...]

  def replace(self, place: int, word: str) -> "SplitText":
    """Returns the text with another word at a place."""
    words = (*self.words[:place], word, *self.words[place + 1 :])
    return self._replace(words=words)

  def changed(self, original: "SplitText") -> list[int]:
    """Returns the places at which the words of two versions differ."""
    pairs = zip(self.words, original.words, strict=True)
    return [place for place, (a, b) in enumerate(pairs) if a != b]

  def __str__(self) -> str:
    if all(self.words):  # the usual case, many times in an attack
      pairs = zip(self.words, self.gaps[1:], strict=True)
      return self.gaps[0] + "".join(word + gap for word, gap in pairs)
    joined = self.gaps[0]
    for word, gap in zip(self.words, self.gaps[1:], strict=True):
      if word:
        joined += word + gap
      elif not gap.isspace():
        joined = joined.rstrip() + gap
    return joined


def split(text: str) -> SplitText:
  """Splits a text into words: letters and digits, with inner ' and -."""
  matches = list(_WORD.finditer(text))
  ends = [0, *(match.end() for match in matches)]
  starts = [*(match.start() for match in matches), len(text)]
  gaps = tuple(text[end:start] for end, start in zip(ends, starts, strict=True))
  return SplitText(tuple(match.group() for match in matches), gaps)
