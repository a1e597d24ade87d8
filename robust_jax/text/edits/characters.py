"""Edits of characters: typos, look-alikes and spaces inside a word.

By default the first and the last character stay as they are, as readers hardly
notice what is exchanged between them.
"""

import string
from collections.abc import Callable, Iterable, Mapping, Sequence

from robust_jax.text.edits.base import Edit, distinct, inner

# The letters around each letter of a QWERTY keyboard.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Letters of other alphabets, most of them Cyrillic, that look like Latin ones.
_HOMOGLYPHS = {
  "a": "\u0430",
  "c": "\u0441",
  "d": "\u0501",
  "e": "\u0435",
  "h": "\u04bb",
  "i": "\u0456",
  "j": "\u0458",
  "l": "\u04cf",
  "o": "\u043e",
  "p": "\u0440",
  "q": "\u051b",
  "s": "\u0455",
  "u": "\u057d",
  "v": "\u03bd",
  "w": "\u051d",
  "x": "\u0445",
  "y": "\u0443",
  "A": "\u0410",
  "B": "\u0412",
  "C": "\u0421",
  "E": "\u0415",
  "H": "\u041d",
  "I": "\u0406",
  "J": "\u0408",
  "K": "\u041a",
  "M": "\u041c",
  "N": "\u039d",
  "O": "\u041e",
  "P": "\u0420",
  "S": "\u0405",
  "T": "\u0422",
  "X": "\u0425",
  "Y": "\u03a5",
  "Z": "\u0396",
}


def swap_characters(*, keep_first: bool = True, keep_last: bool = True) -> Edit:
  """Exchanges of two neighboring characters.

  Args:
    keep_first: whether the first character stays where it is.
    keep_last: whether the last one does.

  Source: Pruthi, Dhingra and Lipton 2019, "Combating adversarial misspellings
  with robust word recognition", section 3; Gao et al. 2018 (DeepWordBug).

  Example:
    >>> from robust_jax.text import edits
    >>> edits.swap_characters()("great")
    ['gerat', 'graet']
  """

  def edit(word: str) -> Sequence[str]:
    places = inner(word, keep_first, keep_last)
    return distinct(
      word,
      (
        word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        for i in places
        if i + 1 in places
      ),
    )

  return edit


def insert_characters(
  alphabet: str = string.ascii_lowercase,
  *,
  keep_first: bool = True,
  keep_last: bool = True,
) -> Edit:
  """Insertions of every letter of an alphabet at every place.

  Args:
    alphabet: the characters to insert.
    keep_first: whether nothing is inserted in front of the first character.
    keep_last: whether nothing is inserted behind the last one.

  Source: as for `swap_characters`.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.insert_characters("xy")("bad")
    ['bxad', 'byad', 'baxd', 'bayd']
  """

  def edit(word: str) -> Sequence[str]:
    places = range(int(keep_first), len(word) + 1 - int(keep_last))
    return distinct(
      word, (word[:i] + new + word[i:] for i in places for new in alphabet)
    )

  return edit


def delete_characters(
  *, keep_first: bool = True, keep_last: bool = True
) -> Edit:
  """Deletions of one character, but of the only one of a word.

  Args:
    keep_first: whether the first character stays.
    keep_last: whether the last one does.

  Source: as for `swap_characters`.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.delete_characters()("great")
    ['geat', 'grat', 'gret']
  """

  def edit(word: str) -> Sequence[str]:
    places = inner(word, keep_first, keep_last)
    without = (word[:i] + word[i + 1 :] for i in places)
    return distinct(word, without) if len(word) > 1 else []

  return edit


def substitute_characters(
  alphabet: str = string.ascii_lowercase,
  *,
  keep_first: bool = True,
  keep_last: bool = True,
) -> Edit:
  """Substitutions of one character by every letter of an alphabet.

  Args:
    alphabet: the characters to put in its place.
    keep_first: whether the first character stays.
    keep_last: whether the last one does.

  Source: Gao, Lanchantin, Soffa and Qi 2018, "Black-box generation of
  adversarial text sequences to evade deep learning classifiers" (DeepWordBug),
  section III.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.substitute_characters("xy")("bad")
    ['bxd', 'byd']
  """
  return _exchange(lambda _: alphabet, keep_first, keep_last)


def keyboard_typos(*, keep_first: bool = True, keep_last: bool = True) -> Edit:
  """Substitutions of a letter by one beside it on a QWERTY keyboard.

  Capitals are replaced by capitals. The table has letters only.

  Args:
    keep_first: whether the first character stays.
    keep_last: whether the last one does.

  Source: as for `swap_characters`.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.keyboard_typos()("bad")
    ['bqd', 'bwd', 'bsd', 'bzd']
  """
  return _exchange(_beside, keep_first, keep_last)


def homoglyphs(
  table: Mapping[str, str] | None = None,
  *,
  keep_first: bool = False,
  keep_last: bool = False,
) -> Edit:
  """Substitutions of a letter by one of another alphabet that looks the same.

  A tokenizer of words or word pieces that has never seen the other letter makes
  the whole word an unknown one.

  Args:
    table: look-alikes of a letter; None for Cyrillic, Greek and Armenian ones.
    keep_first: whether the first character stays.
    keep_last: whether the last one does.

  Source: Boucher et al. 2022, "Bad characters: imperceptible NLP attacks",
  section IV.

  Example:
    >>> from robust_jax.text import edits
    >>> [new.encode("unicode_escape") for new in edits.homoglyphs()("bad")]
    [b'b\\\\u0430d', b'ba\\\\u0501']
  """
  known = _HOMOGLYPHS if table is None else table
  return _exchange(lambda c: known.get(c, ""), keep_first, keep_last)


def insert_space(*, min_part: int = 1) -> Edit:
  """Splits of a word in two by a space.

  Args:
    min_part: smallest number of characters of both parts.

  Source: Li, Ji, Du, Li and Wang 2019, "TextBugger: generating adversarial text
  against real-world applications", section III.C.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.insert_space()("bad")
    ['b ad', 'ba d']
  """

  def edit(word: str) -> Sequence[str]:
    places = range(min_part, len(word) - min_part + 1)
    return [f"{word[:i]} {word[i:]}" for i in places]

  return edit


def _exchange(
  others: Callable[[str], Iterable[str]], keep_first: bool, keep_last: bool
) -> Edit:
  """Substitutions of one character by each of its `others`."""

  def edit(word: str) -> Sequence[str]:
    return distinct(
      word,
      (
        word[:i] + new + word[i + 1 :]
        for i in inner(word, keep_first, keep_last)
        for new in others(word[i])
      ),
    )

  return edit


def _keyboard() -> Mapping[str, str]:
  """The letters beside each letter: a key has two neighbors in a row above."""
  places = {
    letter: (row, column + row / 2)
    for row, letters in enumerate(_ROWS)
    for column, letter in enumerate(letters)
  }
  return {
    letter: "".join(
      other
      for other, (y, x) in places.items()
      if other != letter and abs(y - row) <= 1 and abs(x - column) <= 1
    )
    for letter, (row, column) in places.items()
  }


_KEYBOARD = _keyboard()


def _beside(character: str) -> str:
  others = _KEYBOARD.get(character.lower(), "")
  return others.upper() if character.isupper() else others
