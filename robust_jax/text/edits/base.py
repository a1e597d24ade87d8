"""The type of an edit, and edits made of other edits."""

import random
from collections.abc import Callable, Iterable, Sequence

from robust_jax import checks

Edit = Callable[[str], Sequence[str]]
"""Maps a word to its replacements, see `robust_jax.text.edits`."""


def distinct(word: str, replacements: Iterable[str]) -> list[str]:
  """Lists replacements in order, without the word and without repetitions."""
  return [new for new in dict.fromkeys(replacements) if new != word]


def inner(word: str, keep_first: bool, keep_last: bool) -> range:
  """Returns the places of the characters of a word that may be edited."""
  return range(int(keep_first), len(word) - int(keep_last))


def union(*edits: Edit) -> Edit:
  """All replacements of several edits, in order.

  Args:
    *edits: the edits.

  Raises:
    ValueError: there are none.

  Example:
    >>> from robust_jax.text import edits
    >>> both = edits.union(edits.drop_word(), edits.duplicate_word())
    >>> both("bad")
    ['', 'bad bad']
  """
  if not edits:
    raise ValueError("a union of no edits: expected one or more.")
  return lambda word: distinct(word, (new for e in edits for new in e(word)))


def random_choice(edit: Edit, *, number: int = 1, seed: int = 0) -> Edit:
  """A few replacements of an edit, drawn at random.

  The draw depends on the word and on the seed alone, so a word has the same
  replacements whenever it is looked up.

  Args:
    edit: the edit to draw from.
    number: number of replacements of a word; fewer where there are fewer.
    seed: of the draw.

  Raises:
    ValueError: the number is below 1.

  Example:
    >>> from robust_jax.text import edits
    >>> typo = edits.random_choice(edits.keyboard_typos())
    >>> len(typo("great"))
    1
  """
  checks.at_least_one("number", number)

  def draw(word: str) -> Sequence[str]:
    found = list(edit(word))
    chooser = random.Random(f"{seed} {word}")
    return chooser.sample(found, min(number, len(found)))

  return draw
