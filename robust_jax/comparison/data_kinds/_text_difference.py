"""The difference of two texts in pieces that can be read and marked."""

import difflib
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_TOKEN = re.compile(r"\w+(?:['\u2019-]\w+)*|\s|[^\w\s]")
# Characters of an unchanged piece that are shown at each of its ends.
_CONTEXT = 80
_VISIBLE = str.maketrans({" ": "\u2423", "\n": "\u21b5", "\t": "\u21e5"})


class Piece(NamedTuple):
  """A part of one of the texts, or of both.

  Attributes:
    kind: whether both texts have it, only the old one, or only the new one.
    text: its characters; spaces that are all of a change are made visible.
  """

  kind: Literal["same", "deleted", "inserted"]
  text: str


def text_difference(old: str, new: str) -> list[Piece]:
  """Lists the pieces of two texts in order, words and marks as wholes.

  Long unchanged pieces are shortened.

  Args:
    old: the text as it was.
    new: the text as it is.

  Example:
    >>> from robust_jax.comparison.data_kinds import _text_difference
    >>> pieces = _text_difference.text_difference("a film", "a flim")
    >>> [tuple(piece) for piece in pieces]
    [('same', 'a '), ('deleted', 'film'), ('inserted', 'flim')]
  """
  a, b = _TOKEN.findall(old), _TOKEN.findall(new)
  # The matcher takes long for long texts that are mostly the same.
  head = _common(a, b)
  tail = _common(a[head:][::-1], b[head:][::-1])
  end = len(a) - tail
  found = [
    Piece("same", "".join(a[:head])),
    *_differences(a[head:end], b[head : len(b) - tail]),
    Piece("same", "".join(a[end:])),
  ]
  found = [piece for piece in found if piece.text]
  return [
    _shortened(piece, i == 0, i == len(found) - 1)
    for i, piece in enumerate(found)
  ]


def _common(a: list[str], b: list[str]) -> int:
  """Returns the number of first tokens that are the same."""
  differ = (
    i for i, pair in enumerate(zip(a, b, strict=False)) if len({*pair}) > 1
  )
  return next(differ, min(len(a), len(b)))


def _differences(a: list[str], b: list[str]) -> Iterator[Piece]:
  # Words and marks are matched; a space alone ties nothing together.
  matcher = difflib.SequenceMatcher(str.isspace, a, b, autojunk=False)
  for what, a_start, a_end, b_start, b_end in matcher.get_opcodes():
    old, new = "".join(a[a_start:a_end]), "".join(b[b_start:b_end])
    if what == "equal":
      yield Piece("same", old)
    else:
      yield Piece("deleted", _visible(old))
      yield Piece("inserted", _visible(new))


def _visible(text: str) -> str:
  return text.translate(_VISIBLE) if text.isspace() else text


def _shortened(piece: Piece, is_first: bool, is_last: bool) -> Piece:
  """Shortens a long piece that is the same, but its ends beside changes."""
  text = piece.text
  if piece.kind != "same" or len(text) <= 2 * _CONTEXT + 20:
    return piece
  head = "" if is_first else text[:_CONTEXT]
  tail = "" if is_last else text[-_CONTEXT:]
  return piece._replace(text=f"{head} \u2026 {tail}")
