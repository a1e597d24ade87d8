"""Greedy searches: over all words, or word by word by importance."""

from typing import Literal, get_args

import numpy as np
from scipy.special import softmax

from robust_jax import checks
from robust_jax.text.edit_set import EditSet
from robust_jax.text.searches.base import (
  Questions,
  TextSearch,
  single_edits,
)
from robust_jax.text.split_text import SplitText
from robust_jax.text.token_exchanges import AskExchanges

Importance = Literal[
  "unknown", "delete", "weighted_saliency", "gradient", "random"
]


def greedy_search(*, num_steps: int | None = None) -> TextSearch:
  """Greedy search: the best of all single edits, then the best second one, ...

  One step is an exhaustive search of all edits of one word. It ends when no
  edit is better than none.

  Args:
    num_steps: largest number of edited words; None for all words.

  Source: Pruthi, Dhingra and Lipton 2019, "Combating adversarial misspellings
  with robust word recognition", section 3.2.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import attack_texts, edits, edit_set, searches
    >>> def predict(texts):  # doubts every letter z
    ...   z = np.array([text.count("z") for text in texts])
    ...   return np.stack([1.5 - z, z], axis=1)
    >>> vary = edit_set.EditSet(edits.insert_characters("xyz"))
    >>> (result,) = attack_texts.attack_texts(
    ...   predict, ["a good film"], [0], vary, searches.greedy_search()
    ... )
    >>> result.adversarial, result.words_changed
    ('a gzood film', 1)
  """
  if num_steps is not None:
    checks.at_least_one("num_steps", num_steps)

  def search(edit_set, text, value, rng) -> Questions:
    del rng
    current = text
    for _ in range(len(text.words) if num_steps is None else num_steps):
      candidates = single_edits(edit_set, text, current)
      if not candidates:
        return
      values = yield candidates
      best = int(values.argmax())
      if not values[best] > value:
        return
      current, value = candidates[best], values[best]

  return search


def ranked_search(
  *, importance: Importance = "unknown", unknown: str = "[UNK]"
) -> TextSearch:
  """Greedy search, word by word in order of importance.

  First it asks how important each word is, then it takes the best replacement
  of each word in that order, if it is better than none.

  Args:
    importance: of a word: what the value gains if the word becomes `unknown` or
      is deleted ("delete"); "weighted_saliency" is the softmax over words of
      the former, times what the word's best replacement gains; "gradient" is
      the first-order value of the former, by one backward pass; or a "random"
      order.
    unknown: the text that stands for an unknown word.

  Raises:
    ValueError: the importance is not one of these.

  Source: Gao et al. 2018 (DeepWordBug), "replace-1 score", section III.C;
  Li et al. 2019 (TextBugger), equation 2 ("delete"); Ren et al. 2019 (PWWS),
  equations 5 to 8 ("weighted_saliency").

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import attack_texts, edits, edit_set, searches
    >>> def predict(texts):
    ...   good = np.array([text.count("good") for text in texts])
    ...   return np.stack([good - 0.5, 0.5 - good], axis=1)
    >>> (result,) = attack_texts.attack_texts(
    ...   predict,
    ...   ["such a good film"],
    ...   [0],
    ...   edit_set.EditSet(edits.swap_characters(keep_first=False)),
    ...   searches.ranked_search(),
    ... )
    >>> result.adversarial  # the second of its two edits, for deletion is none
    'such a ogod film'
  """
  if importance not in get_args(Importance):
    raise ValueError(
      f"importance = {importance!r}: expected one of "
      f"{', '.join(get_args(Importance))}."
    )

  def search(edit_set, text, value, rng) -> Questions:
    order = yield from _order(edit_set, text, value, rng)
    current = text
    for place in order:
      candidates = edit_set.neighbors(text, current, place)
      if candidates:
        values = yield candidates
        best = int(values.argmax())
        if values[best] > value:
          current, value = candidates[best], values[best]

  def _order(edit_set: EditSet, text: SplitText, value: float, rng):
    places = edit_set.places(text)
    if importance == "random" or not places:
      return [int(place) for place in rng.permutation(places)]
    if importance == "gradient":
      (exchanges,) = yield AskExchanges([text])
      score = np.array([exchanges.importance(text, p) for p in places])
      return [places[i] for i in np.argsort(-score, kind="stable")]
    other = "" if importance == "delete" else unknown
    values = yield [text.replace(place, other) for place in places]
    score = values - value
    if importance == "weighted_saliency":
      gains = yield from _best_gains(edit_set, text, value, places)
      score = softmax(score) * gains
    return [places[i] for i in np.argsort(-score, kind="stable")]

  return search


def _best_gains(
  edit_set: EditSet, text: SplitText, value: float, places: list[int]
):
  """The gain of each word's best replacement, 0 where none is allowed."""
  gains = np.zeros(len(places))
  for i, place in enumerate(places):
    candidates = edit_set.neighbors(text, text, place)
    if candidates:
      values = yield candidates
      gains[i] = values.max() - value
  return gains
