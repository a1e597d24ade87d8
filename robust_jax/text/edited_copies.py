"""Copies of texts with random typos, for training."""

import functools
import random
from collections.abc import Sequence

from robust_jax import checks
from robust_jax.text import edits
from robust_jax.text.edits.base import Edit
from robust_jax.text.split_text import split

TYPOS = (
  edits.swap_characters(),
  edits.delete_characters(),
  edits.insert_characters(),
  edits.keyboard_typos(),
)
"""Edits inside a word, of four kinds (Pruthi et al. 2019)."""


def edited_copies(
  texts: Sequence[str],
  number: int,
  *,
  kinds: Sequence[Edit] = TYPOS,
  fraction: float = 0.3,
  min_length: int = 4,
  seed: int = 0,
) -> list[list[str]]:
  """Makes copies of texts in which words are edited at random.

  Each word is edited with the same probability; the kind of its edit is drawn
  first, and then one of that kind. A copy depends on the seed, the text, and
  its number, whatever the other texts.

  Args:
    texts: N texts.
    number: V, number of copies of each.
    kinds: edits to draw from, see `text.edits`.
    fraction: probability of an edit of a word.
    min_length: smallest number of characters of a word that is edited.
    seed: of the draws.

  Returns:
    V lists of N texts.

  Raises:
    ValueError: an option is out of its range.

  Source: Pruthi, Dhingra and Lipton 2019, "Combating adversarial misspellings
  with robust word recognition", section 4 (data augmentation).

  Example:
    >>> from robust_jax.text import edits
    >>> from robust_jax.text.edited_copies import edited_copies
    >>> drop = edits.delete_characters(keep_first=False)
    >>> edited_copies(["a good film"], 1, kinds=[drop], fraction=1.0)
    [['a ood ilm']]
  """
  checks.at_least_one("number", number)
  checks.at_least_one("min_length", min_length)
  checks.non_negative("fraction", fraction)
  checks.at_most("fraction", fraction, 1.0)
  known = [functools.lru_cache(maxsize=1 << 14)(edit) for edit in kinds]
  copies: list[list[str]] = [[] for _ in range(number)]
  for text in texts:
    draw, original = random.Random(f"{seed} {text}"), split(text)
    for copy in copies:
      edited = [
        _edited(word, known, draw)
        if len(word) >= min_length and draw.random() < fraction
        else word
        for word in original.words
      ]
      copy.append(str(original._replace(words=tuple(edited))))
  return copies


def _edited(word: str, kinds: Sequence[Edit], draw: random.Random) -> str:
  """The word with an edit of a random kind, if it has any of that kind."""
  replacements = draw.choice(kinds)(word)
  return draw.choice(replacements) if replacements else word
