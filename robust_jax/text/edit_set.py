"""The set of edited versions of a text, which a text attack searches."""

import functools
from collections.abc import Sequence

from robust_jax.text.constraints import Constraint
from robust_jax.text.edits.base import Edit
from robust_jax.text.split_text import SplitText


class EditSet:
  """The texts in which each word is itself or one of its replacements.

  It is what a perturbation set is for arrays. Replacements are always those of
  the original word, so no word is edited twice.

  Args:
    edit: the replacements of a word, see `text.edits`.
    constraints: which of these texts are allowed, see `text.constraints`.

  Example:
    >>> from robust_jax.text import constraints, edits
    >>> from robust_jax.text.edit_set import EditSet
    >>> from robust_jax.text.split_text import split
    >>> long = constraints.min_word_length(4)
    >>> edit_set = EditSet(edits.swap_characters(), [long])
    >>> text = split("a good film")
    >>> edit_set.places(text)
    [2]
    >>> [str(new) for new in edit_set.neighbors(text, text, 2)]
    ['a good flim']
  """

  def __init__(self, edit: Edit, constraints: Sequence[Constraint] = ()):
    self._constraints = tuple(constraints)
    # A frequent word is looked up once, and not in every text.
    self._replacements = functools.lru_cache(maxsize=1 << 14)(edit)

  def places(self, original: SplitText) -> list[int]:
    """Returns the places of the words that may change."""
    return [
      place
      for place, word in enumerate(original.words)
      if all(constraint.word(word) for constraint in self._constraints)
      and self._replacements(word)
    ]

  def replacements(self, original: SplitText, place: int) -> Sequence[str]:
    """Returns the replacements of the word at a place."""
    return self.of_word(original.words[place])

  def of_word(self, word: str) -> Sequence[str]:
    """Returns the replacements of a word that may change."""
    return self._replacements(word)

  def neighbors(
    self, original: SplitText, current: SplitText, place: int
  ) -> list[SplitText]:
    """Returns the allowed texts that have another word at a place.

    Args:
      original: the text as it was.
      current: an edited version of it.
      place: one of `places`.
    """
    edited = (
      current.replace(place, word)
      for word in self.replacements(original, place)
      if word != current.words[place]
    )
    return [text for text in edited if self.allows(original, text)]

  def allows(self, original: SplitText, edited: SplitText) -> bool:
    """Returns whether the constraints hold for an edited version of a text."""
    words = [original.words[place] for place in edited.changed(original)]
    return all(
      all(map(constraint.word, words)) and constraint.text(original, edited)
      for constraint in self._constraints
    )

  def contains(self, original: SplitText, edited: SplitText) -> bool:
    """Returns whether an edited version of a text belongs to the set."""
    return all(
      edited.words[place] in self.replacements(original, place)
      for place in edited.changed(original)
    ) and self.allows(original, edited)
