"""Random search over edited texts."""

import numpy as np

from robust_jax import checks
from robust_jax.text.searches.base import Questions, TextSearch


def random_search(
  *, num_samples: int = 10, num_edits: int | None = None
) -> TextSearch:
  """Random search: the best of some randomly edited texts.

  Args:
    num_samples: number of texts that are drawn: the k of worst-of-k, and 1 for
      random noise.
    num_edits: number of words that are edited in each text; None draws a number
      between one and all words that may change for each of them.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import attack_texts, edits, edit_set, searches
    >>> def predict(texts):
    ...   z = np.array([text.count("z") for text in texts])
    ...   return np.stack([0.5 - z, z], axis=1)
    >>> (result,) = attack_texts.attack_texts(
    ...   predict,
    ...   ["a good film"],
    ...   [0],
    ...   edit_set.EditSet(edits.insert_characters("z")),
    ...   searches.random_search(num_samples=1, num_edits=2),
    ... )
    >>> result.words_changed, result.queries
    (2, 3)
  """
  checks.at_least_one("num_samples", num_samples)
  if num_edits is not None:
    checks.at_least_one("num_edits", num_edits)

  def search(edit_set, text, value, rng: np.random.Generator) -> Questions:
    del value
    most = len(edit_set.places(text))
    if not most:
      return
    drawn = []
    for _ in range(num_samples):
      number = num_edits or int(rng.integers(1, most + 1))
      edited = text
      for place in rng.permutation(edit_set.places(text))[:number]:
        allowed = edit_set.neighbors(text, edited, int(place))
        if allowed:
          edited = allowed[rng.integers(len(allowed))]
      drawn.append(edited)
    yield drawn

  return search
