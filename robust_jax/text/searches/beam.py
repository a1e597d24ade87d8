"""Beam search over edited texts."""

from robust_jax import checks
from robust_jax.text.searches.base import (
  Questions,
  TextSearch,
  single_edits,
)


def beam_search(*, width: int = 10, num_steps: int | None = None) -> TextSearch:
  """Beam search: greedy search that keeps several texts at each step.

  Args:
    width: number of texts that are kept; 1 is `greedy_search`, but for not
      stopping at a step that gains nothing.
    num_steps: largest number of edited words; None for all words.

  Source: Ebrahimi, Rao, Lowd and Dou 2018, "HotFlip: white-box adversarial
  examples for text classification", section 3.3.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import attack_texts, edits, edit_set, searches
    >>> def predict(texts):
    ...   z = np.array([text.count("z") for text in texts])
    ...   return np.stack([1.5 - z, z], axis=1)
    >>> (result,) = attack_texts.attack_texts(
    ...   predict,
    ...   ["a good film"],
    ...   [0],
    ...   edit_set.EditSet(edits.substitute_characters("z")),
    ...   searches.beam_search(width=2),
    ... )
    >>> result.status
    'successful'
  """
  checks.at_least_one("width", width)
  if num_steps is not None:
    checks.at_least_one("num_steps", num_steps)

  def search(edit_set, text, value, rng) -> Questions:
    del value, rng
    beam = [text]
    for _ in range(len(text.words) if num_steps is None else num_steps):
      candidates = list(
        dict.fromkeys(
          new for kept in beam for new in single_edits(edit_set, text, kept)
        )
      )
      if not candidates:
        return
      values = yield candidates
      beam = [candidates[i] for i in (-values).argsort(kind="stable")[:width]]

  return search
