"""Constraints on edited texts: which words may change, and how many.

Every constraint compares an edited text with the original one, however many
steps led there, so that an attack cannot drift.
"""

import functools
import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from robust_jax import checks
from robust_jax.text.split_text import SplitText

__all__ = [
  "accepted_by",
  "max_edit_distance",
  "max_words",
  "min_word_length",
  "protect_words",
]

FUNCTION_WORDS = frozenset(
  re.findall(
    r"\S+",
    """
  a about above after again against ain all am an and any are aren as at be
  because been before being below between both but by can cannot couldn did
  didn do does doesn doing don down during each few for from further had
  hadn has hasn have haven having he her here hers herself him himself his
  how i if in into is isn it its itself just ll m ma me mightn more most
  mustn my myself n't needn neither never no nobody none nor not nothing now
  nowhere o of off on once only or other our ours ourselves out over own re
  s same shan she should shouldn so some such t than that the their theirs
  them themselves then there these they this those through to too under
  until up ve very was wasn we were weren what when where which while who
  whom why will with without won would wouldn y you your yours yourself
  yourselves
    """,
  )
)
"""English articles, pronouns, prepositions, conjunctions, auxiliary verbs and
negations: a letter of these may turn the meaning."""


class Constraint(NamedTuple):
  """A constraint of an `EditSet`.

  Attributes:
    word: `(word) -> bool`, whether this word of the original may change.
    text: `(original, edited) -> bool`, whether the edited text is allowed.
  """

  word: Callable[[str], bool] = lambda word: True
  text: Callable[[SplitText, SplitText], bool] = lambda original, edited: True


def min_word_length(length: int) -> Constraint:
  """Allows changes of words of some length.

  Args:
    length: smallest number of characters of a word that may change.

  Example:
    >>> from robust_jax.text import constraints
    >>> constraint = constraints.min_word_length(4)
    >>> constraint.word("bad"), constraint.word("good")
    (False, True)
  """
  checks.at_least_one("length", length)
  return Constraint(word=lambda word: len(word) >= length)


def protect_words(words: Collection[str] = FUNCTION_WORDS) -> Constraint:
  """Protects certain words, in any case, from changes.

  Args:
    words: the words, in lower case; English function words by default, such
      as "not", which one letter turns into "now".

  Example:
    >>> from robust_jax.text import constraints
    >>> constraint = constraints.protect_words()
    >>> constraint.word("Not"), constraint.word("good")
    (False, True)
  """
  protected = frozenset(words)
  return Constraint(word=lambda word: word.lower() not in protected)


def max_words(
  number: int | None = None, *, fraction: float | None = None
) -> Constraint:
  """Allows changes of at most so many words.

  Args:
    number: largest number of changed words.
    fraction: largest fraction of the words of a text that change. One word may
      always change.

  Raises:
    ValueError: neither is given, or both.

  Example:
    >>> from robust_jax.text import constraints
    >>> from robust_jax.text.split_text import split
    >>> text = split("a good film")
    >>> edited = text.replace(1, "bad").replace(2, "movie")
    >>> constraints.max_words(1).text(text, edited)
    False
  """
  if (number is None) == (fraction is None):
    raise ValueError(
      f"number = {number} and fraction = {fraction}: expected one of them."
    )

  def largest(text: SplitText) -> int:
    if fraction is None:
      return number or 0
    return max(1, int(fraction * len(text.words)))

  return Constraint(
    text=lambda original, edited: (
      len(edited.changed(original)) <= largest(original)
    )
  )


def max_edit_distance(distance: int) -> Constraint:
  """Allows texts within an edit distance (Levenshtein) of the original.

  It is the sum of the distances of the words at the same place: the least
  number of insertions, deletions and substitutions of characters.

  Args:
    distance: largest distance.

  Source: Gao et al. 2018 (DeepWordBug), section III.D.

  Example:
    >>> from robust_jax.text import constraints
    >>> from robust_jax.text.split_text import split
    >>> text, near = split("a good film"), constraints.max_edit_distance(2)
    >>> near.text(text, text.replace(1, "godo"))
    True
    >>> near.text(text, text.replace(1, "bad"))
    False
  """
  checks.non_negative("distance", distance)
  return Constraint(
    text=lambda original, edited: (
      sum(
        edit_distance(original.words[i], edited.words[i])
        for i in edited.changed(original)
      )
      <= distance
    )
  )


def accepted_by(
  predicate: Callable[[str, str], bool],
) -> Constraint:
  """Allows texts that a function of the user accepts.

  Args:
    predicate: `(original, edited) -> bool`, of whole texts.

  Example:
    >>> from robust_jax.text import constraints
    >>> from robust_jax.text.split_text import split
    >>> constraint = constraints.accepted_by(lambda a, b: len(b) <= len(a))
    >>> text = split("a good film")
    >>> constraint.text(text, text.replace(1, "excellent"))
    False
  """
  return Constraint(
    text=lambda original, edited: predicate(str(original), str(edited))
  )


@functools.lru_cache(maxsize=1 << 16)
def edit_distance(a: str, b: str) -> int:
  """Computes the edit distance (Levenshtein) of two strings.

  Example:
    >>> from robust_jax.text.constraints import edit_distance
    >>> edit_distance("kitten", "sitting")
    3
  """
  row = list(range(len(b) + 1))
  for i, left in enumerate(a, start=1):
    previous, row = row, [i]
    for j, right in enumerate(b, start=1):
      substituted = previous[j - 1] + (left != right)
      row.append(min(previous[j] + 1, row[j - 1] + 1, substituted))
  return row[-1]
