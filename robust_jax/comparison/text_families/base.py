"""Changes of texts made of edits, and families of those that apply."""

import random
from collections.abc import Callable, Sequence

from robust_jax.comparison.transformation import Family, Texts, Transformation
from robust_jax.text.constraints import (
  Constraint,
  min_word_length,
  protect_words,
)
from robust_jax.text.edit_set import EditSet
from robust_jax.text.edits.base import Edit
from robust_jax.text.split_text import split

LEAST = 0.1
"""Fraction of the texts that a change has to alter to be tested."""

CONTENT_WORDS = (min_word_length(4), protect_words())
"""Constraints: words of four letters or more, but no function words."""

Change = Callable[[str, random.Random, int], str]
"""`(text, generator, level) -> text'`, with levels from 1 on."""

# Of the places in a text that are changed, by level.
_FRACTIONS = (0.1, 0.25, 0.5)
# Texts on which it is tried how many a change alters.
_TRIED = 500


def of_edit(
  name: str,
  edit: Edit,
  constraints: Sequence[Constraint] = CONTENT_WORDS,
) -> Transformation:
  """Makes a change of some words of a text, each to a random replacement.

  At each level the words of the level before are edited alike, and more.

  Args:
    name: name of the transformation.
    edit: the replacements of a word, see `text.edits`.
    constraints: which words may change. Of these, a tenth, a quarter and half
      are edited, at least one.

  Example:
    >>> import random
    >>> from robust_jax.comparison.text_families.base import of_edit
    >>> from robust_jax.text import edits
    >>> swapped = of_edit("swapped", edits.swap_characters())
    >>> swapped.change("a good film", random.Random(0), 1)
    'a good flim'
  """
  edit_set = EditSet(edit, constraints)

  def change(text: str, generator: random.Random, level: int) -> str:
    original = edited = split(text)
    for place in some_of(edit_set.places(original), generator, level):
      word = generator.choice(edit_set.replacements(original, place))
      edited = edited.replace(place, word)
    return str(edited) if str(edited).strip() else text

  return in_levels(name, change, shares_of("these words"))


def some_of(
  places: Sequence[int], generator: random.Random, level: int
) -> list[int]:
  """Draws the places that are changed at a level, at least one if there are.

  Those of a level are among those of the next one.
  """
  number = max(1, round(_FRACTIONS[level - 1] * len(places)))
  return generator.sample(places, len(places))[:number]


def in_levels(
  name: str, change: Change, labels: Sequence[str]
) -> Transformation:
  """Makes a change with a level for each label, from 1 on.

  Args:
    name: name of the transformation.
    change: the change.
    labels: each level in words.
  """
  levels = tuple(range(1, len(labels) + 1))
  return Transformation(name, change, levels, labels, on_host=True)


def shares_of(places: str) -> list[str]:
  """Labels of the levels of `some_of`, for places in words, in the plural."""
  return [f"{100 * f:g} % of {places}, at least one" for f in _FRACTIONS]


def of_texts(
  name: str, change: Callable[[str], str], label: str
) -> Transformation:
  """Makes a change at one level of a function of a whole text.

  Args:
    name: name of the transformation.
    change: `(text) -> text'`; where nothing is left, the text is unchanged.
    label: the change in words.
  """

  def changed(text: str, generator: random.Random, level: int) -> str:
    del generator, level
    found = change(text)
    return found if found.strip() else text

  return in_levels(name, changed, (label,))


def family_of(
  about: str,
  transformations: Sequence[Transformation],
  texts: Texts,
  *,
  by_default: bool = True,
) -> Family:
  """Makes a family of the changes that alter at least a tenth of the texts.

  A text that a change leaves as it is tells nothing about a model, and risks
  of many such texts would look small. At most 500 texts are tried.

  Args:
    about: description in one sentence.
    transformations: the changes.
    texts: all texts of the comparison.
    by_default: whether it is used where no families are named.
  """
  tried = texts[:: max(1, -(-len(texts) // _TRIED))]
  applied, left_out = [], {}
  for transformation in transformations:
    altered = _count_altered(transformation, tried)
    if altered and altered >= LEAST * len(tried):
      applied.append(transformation)
    else:
      left_out[transformation.name] = (
        f"it alters {altered} of {len(tried)} texts, and a tenth is needed"
      )
  return Family(about, applied, by_default, left_out)


def _count_altered(transformation: Transformation, texts: Texts) -> int:
  most = transformation.levels[-1]
  return sum(
    transformation.change(text, random.Random(i), most) != text
    for i, text in enumerate(texts)
  )
