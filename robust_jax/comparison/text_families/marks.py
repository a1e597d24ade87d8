"""Families of the forms of writing: case, punctuation and contractions."""

import re
import unicodedata

from robust_jax.comparison.text_families._contractions import contract, expand
from robust_jax.comparison.text_families.base import family_of, of_texts
from robust_jax.comparison.transformation import Family, Texts
from robust_jax.text.split_text import split


def case(texts: Texts) -> Family:
  """The whole text in lower case, in upper case, and with Capital Letters.

  Args:
    texts: all texts of the comparison.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.case(["A good film"])
    >>> [t.name for t in family.transformations]
    ['lower_case', 'upper_case', 'capitalized']
  """
  return family_of(
    "The whole text in lower case, in upper case, or with a capital at each "
    "word.",
    [
      of_texts("lower_case", str.lower, "every letter"),
      of_texts("upper_case", str.upper, "every letter"),
      of_texts("capitalized", _capitalize, "the first letter of every word"),
    ],
    texts,
  )


def punctuation(texts: Texts) -> Family:
  """Marks removed, a final mark added or removed, and spaces before marks.

  Args:
    texts: all texts of the comparison.

  Source: Ribeiro, Wu, Guestrin and Singh 2020, "Beyond accuracy: behavioral
    testing of NLP models with CheckList", for the final mark.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.punctuation(["good, in parts"])
    >>> [t.name for t in family.transformations]
    ['removed', 'final_mark', 'space_before']
  """
  return family_of(
    "All marks between words removed, the final mark removed or a full stop "
    "added, and spaces typed before marks or left out.",
    [
      of_texts("removed", _without_marks, "all marks between words"),
      of_texts("final_mark", _toggle_final_mark, "removed, or a full stop"),
      of_texts("space_before", _with_spaces, "a space before each mark"),
      of_texts("no_space_before", _without_spaces, "no space before a mark"),
    ],
    texts,
  )


def contractions(texts: Texts) -> Family:
  """Contractions written out, and words contracted: "do not" and "don't".

  English only. What may have several meanings, such as 's behind a noun, stays.

  Args:
    texts: all texts of the comparison.

  Source: Ribeiro et al. 2020 (CheckList).

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.contractions(["it isn't bad"])
    >>> [t.name for t in family.transformations]
    ['written_out']
  """
  return family_of(
    "English contractions written out (do not for don't), or words contracted.",
    [
      of_texts("written_out", expand, "all that have one meaning"),
      of_texts("contracted", contract, "all pairs that are usual"),
    ],
    texts,
  )


def _capitalize(text: str) -> str:
  found = split(text)
  words = (word[:1].upper() + word[1:] for word in found.words)
  return str(found._replace(words=tuple(words)))


def _without_marks(text: str) -> str:
  found = split(text)
  gaps = ("".join(c for c in gap if not _is_mark(c)) for gap in found.gaps)
  # Two marks between words leave one space, and no two words are joined.
  inner = [re.sub(r"\s+", " ", gap) or " " for gap in gaps]
  inner[0], inner[-1] = inner[0].strip(), inner[-1].strip()
  return str(found._replace(gaps=tuple(inner)))


def _toggle_final_mark(text: str) -> str:
  bare = text.rstrip()
  if bare and _is_mark(bare[-1]):
    while bare and (_is_mark(bare[-1]) or bare[-1].isspace()):
      bare = bare[:-1]
    return bare
  return f"{bare}."


def _with_spaces(text: str) -> str:
  return re.sub(r"(?<=\w)([,.;:!?])(?=\s|$)", r" \1", text)


def _without_spaces(text: str) -> str:
  return re.sub(r"(?<=\w)\s+([,.;:!?])(?=\s|$)", r"\1", text)


def _is_mark(character: str) -> bool:
  return unicodedata.category(character).startswith("P")
