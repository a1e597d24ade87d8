"""The family of names, places and numbers."""

import random
import re
from collections.abc import Sequence

from robust_jax.comparison.text_families.base import family_of, in_levels
from robust_jax.comparison.transformation import Family, Texts, Transformation

_NAMES = re.findall(
  r"\w+",
  """
  Adam Alice Amanda Andrew Anna Anthony Barbara Brian Carol Charles Daniel
  David Deborah Dennis Donald Edward Elizabeth Emily Eric Frank George Helen
  Henry James Jason Jennifer Jessica John Joseph Karen Kenneth Kevin Laura
  Linda Lisa Margaret Maria Martin Mary Matthew Michael Nancy Nicole
  Patricia Paul Peter Rachel Richard Robert Sandra Sarah Stephen Steven
  Susan Thomas Timothy Walter William
  """,
)
_PLACES = re.findall(
  r"\w+",
  """
  Argentina Australia Austria Belgium Brazil Canada Chile China Denmark
  Egypt Finland France Germany Greece India Indonesia Iran Iraq Ireland
  Israel Italy Japan Kenya Mexico Morocco Norway Pakistan Peru Poland
  Portugal Russia Spain Sweden Switzerland Thailand Turkey Ukraine Vietnam
  """,
)
_CITIES = re.findall(
  r"\w+",
  """
  Amsterdam Athens Atlanta Baghdad Beijing Berlin Boston Brussels Cairo
  Chicago Dallas Delhi Denver Detroit Dublin Houston Istanbul Karachi London
  Madrid Melbourne Miami Moscow Mumbai Oslo Paris Philadelphia Prague Rome
  Seattle Seoul Shanghai Stockholm Sydney Tokyo Toronto Vienna Warsaw
  """,
)
# Small numbers stand for words ("2" for "to") and for what has a name.
_NUMBER = re.compile(r"(?<![\w.,])\d{2,4}(?![\w]|[.,]\d)")


def entities(texts: Texts) -> Family:
  """First names, places and numbers exchanged with others of their kind.

  A word that occurs twice in a text is exchanged with the same one. Names and
  places are those of a short list, numbers are whole ones from 10 to 9999,
  which change by up to a fifth.

  Args:
    texts: all texts of the comparison.

  Source: Ribeiro et al. 2020 (CheckList), with lists of our own.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.entities(["Anna saw 120 films in Rome"])
    >>> [t.name for t in family.transformations]
    ['names', 'places', 'numbers']
  """
  return family_of(
    "First names, countries and cities exchanged with others, and whole "
    "numbers from 10 to 9999 with others within a fifth, where the class does "
    "not depend on them.",
    [
      _exchange("names", [_NAMES], "every name of a short list"),
      _exchange("places", [_PLACES, _CITIES], "every place of a short list"),
      in_levels("numbers", _numbers, ("every number",)),
    ],
    texts,
  )


def _exchange(
  name: str, lists: Sequence[Sequence[str]], label: str
) -> Transformation:
  """Exchanges words of each list with others of the same list."""
  home = {word: words for words in lists for word in words}
  pattern = re.compile(rf"\b({'|'.join(home)})\b")

  def change(text: str, generator: random.Random, level: int) -> str:
    del level
    chosen: dict[str, str] = {}

    def other(match: re.Match) -> str:
      word = match[0]
      if word not in chosen:
        chosen[word] = generator.choice([w for w in home[word] if w != word])
      return chosen[word]

    return pattern.sub(other, text)

  return in_levels(name, change, (label,))


def _numbers(text: str, generator: random.Random, level: int) -> str:
  del level

  def other(match: re.Match) -> str:
    value = int(match[0])
    reach = max(1, value // 5)
    near = [value + d for d in range(-reach, reach + 1) if d]
    return str(generator.choice(near))

  return _NUMBER.sub(other, text)
