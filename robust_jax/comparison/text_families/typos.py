"""Families of mistakes in typing: letters, spaces and words."""

import random
import re

from robust_jax.comparison.text_families.base import (
  family_of,
  in_levels,
  of_edit,
  of_texts,
  shares_of,
  some_of,
)
from robust_jax.comparison.transformation import Family, Texts
from robust_jax.text import edits
from robust_jax.text.constraints import FUNCTION_WORDS, Constraint
from robust_jax.text.split_text import split

NEGATIONS = frozenset(
  re.findall(
    r"\S+",
    """
    no not never none nobody nothing nowhere neither nor without cannot n't
    ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't
    mustn't needn't shouldn't wasn't weren't won't wouldn't
    """,
  )
)
"""Words whose loss turns the meaning of a sentence."""

_ARTICLES = ("a", "an", "the")
_LIGHT_WORDS = FUNCTION_WORDS - NEGATIONS


def typos(texts: Texts) -> Family:
  """Letters inside words swapped, inserted, deleted, substituted, and doubles.

  Only words of four letters or more are edited, but no function words. First
  and last letters stay.

  Args:
    texts: all texts of the comparison.

  Source: Pruthi, Dhingra and Lipton 2019, section 3, for the letters.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.typos(["a good film"])
    >>> [t.name for t in family.transformations][:2]
    ['swapped', 'inserted']
  """
  return family_of(
    "One letter inside some words swapped with the next one, inserted, deleted "
    "or substituted, or some words typed twice: words of four letters or more, "
    "but no function words.",
    [
      of_edit("swapped", edits.swap_characters()),
      of_edit("inserted", edits.insert_characters()),
      of_edit("deleted", edits.delete_characters()),
      of_edit("substituted", edits.substitute_characters()),
      of_edit("typed_twice", edits.duplicate_word()),
    ],
    texts,
  )


def keyboard(texts: Texts) -> Family:
  """A letter inside some words exchanged with its neighbor on a keyboard.

  Args:
    texts: all texts of the comparison.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> len(text_families.keyboard(["a good film"]).transformations)
    1
  """
  return family_of(
    "One letter inside some words exchanged with one beside it on a QWERTY "
    "keyboard: words of four letters or more, but no function words.",
    [of_edit("neighboring_key", edits.keyboard_typos())],
    texts,
  )


def homoglyphs(texts: Texts) -> Family:
  """A letter of some words exchanged with one that looks the same.

  Args:
    texts: all texts of the comparison.

  Source: Boucher et al. 2022, "Bad characters: imperceptible NLP attacks".

  Example:
    >>> from robust_jax.comparison import text_families
    >>> len(text_families.homoglyphs(["a good film"]).transformations)
    1
  """
  return family_of(
    "One letter of some words exchanged with one of another alphabet that "
    "looks the same: invisible to readers.",
    [of_edit("look_alike", edits.homoglyphs(), ())],
    texts,
  )


def spaces(texts: Texts) -> Family:
  """A space inside some words, or none between some of them.

  Args:
    texts: all texts of the comparison.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.spaces(["a good film"])
    >>> [t.name for t in family.transformations]
    ['split_words', 'joined_words']
  """
  return family_of(
    "A space typed inside some words of four letters or more, function words "
    "apart, or left out between some words.",
    [
      of_edit("split_words", edits.insert_space()),
      in_levels("joined_words", _join, shares_of("the spaces")),
    ],
    texts,
  )


def dropped_words(texts: Texts) -> Family:
  """Articles dropped, or some function words, but no negations.

  All other words, which carry the meaning, stay.

  Args:
    texts: all texts of the comparison.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.dropped_words(["a good film"])
    >>> [t.name for t in family.transformations]
    ['articles', 'function_words']
  """
  return family_of(
    "All articles dropped, or some function words, such as prepositions and "
    "auxiliary verbs, but no negations.",
    [
      of_texts("articles", _without_articles, "all of a, an, the"),
      of_edit(
        "function_words",
        edits.drop_word(),
        [Constraint(word=lambda word: word.lower() in _LIGHT_WORDS)],
      ),
    ],
    texts,
  )


def _join(text: str, generator: random.Random, level: int) -> str:
  original = split(text)
  inner = range(1, len(original.gaps) - 1)
  places = [i for i in inner if original.gaps[i].isspace()]
  closed = some_of(places, generator, level)
  gaps = ["" if i in closed else gap for i, gap in enumerate(original.gaps)]
  return str(original._replace(gaps=tuple(gaps)))


def _without_articles(text: str) -> str:
  found = split(text)
  for place, word in enumerate(found.words):
    if word.lower() in _ARTICLES:
      found = found.replace(place, "")
  return str(found)
