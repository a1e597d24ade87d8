"""The type of a search of texts, and what searches have in common."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from robust_jax.text.edit_set import EditSet
from robust_jax.text.split_text import SplitText
from robust_jax.text.token_exchanges import AskExchanges

Questions = Generator[list[SplitText] | AskExchanges, Any, None]
"""Yields lists of edited texts and is sent their values, float `[N]`; or yields
`AskExchanges` and is sent `TokenExchanges`."""

TextSearch = Callable[
  [EditSet, SplitText, float, np.random.Generator], Questions
]
"""`(edit_set, text, value, rng) -> Questions`, see `text.searches`."""


def single_edits(
  edit_set: EditSet, original: SplitText, current: SplitText
) -> list[SplitText]:
  """Lists the allowed texts with one more word edited."""
  edited = set(current.changed(original))
  return [
    text
    for place in edit_set.places(original)
    if place not in edited
    for text in edit_set.neighbors(original, current, place)
  ]


def random_edit(
  edit_set: EditSet,
  original: SplitText,
  current: SplitText,
  rng: np.random.Generator,
) -> SplitText:
  """Draws another word at a random place; the same text if none is allowed."""
  places = edit_set.places(original)
  for place in rng.permutation(places):
    allowed = edit_set.neighbors(original, current, int(place))
    if allowed:
      return allowed[rng.integers(len(allowed))]
  return current
