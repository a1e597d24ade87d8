"""Nearest words in a table of embeddings."""

from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax import checks

_ROWS = 512  # words whose neighbors are looked for at once


def nearest_words(
  embeddings: np.ndarray,
  vocabulary: Mapping[str, int],
  *,
  number: int = 50,
  min_cosine: float = 0.5,
) -> Mapping[str, Sequence[str]]:
  """Lists the nearest words of each word by the cosine of embeddings.

  Embeddings that a classifier has learned are near where words have the same
  effect on its classes, and not where they mean the same: words that a task
  does not tell apart are neighbors, whatever they mean.

  Args:
    embeddings: `[V, D]`, such as those of `models.text.embeddings`.
    vocabulary: token -> its row. Tokens that are no words of letters and digits
      are left out.
    number: largest number of neighbors of a word.
    min_cosine: smallest cosine.

  Returns:
    Word -> its neighbors, the nearest first; only words that have any.

  Raises:
    ValueError: the number is below 1, or the cosine is out of its range.

  Source: Jin, Jin, Zhou and Szolovits 2020, "Is BERT really robust?"
  (TextFooler), section 3, which takes 50 neighbors in counter-fitted
  embeddings.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text.tables import nearest_words
    >>> table = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
    >>> nearest_words(table, {"good": 0, "bad": 1, "fine": 2})
    {'good': ['fine'], 'fine': ['good']}
  """
  checks.at_least_one("number", number)
  if not -1 <= min_cosine <= 1:
    raise ValueError(f"min_cosine = {min_cosine}: expected -1 to 1.")
  words = [word for word in vocabulary if word.isalnum()]
  rows = np.asarray(embeddings, np.float32)[[vocabulary[w] for w in words]]
  norms = np.linalg.norm(rows, axis=1, keepdims=True)
  rows = rows / np.maximum(norms, 1e-12)
  found = {}
  for start in range(0, len(words), _ROWS):
    cosines = rows[start : start + _ROWS] @ rows.T
    for i, of_word in enumerate(cosines, start=start):
      of_word[i] = -np.inf  # the word itself
      best = np.argsort(-of_word, kind="stable")[:number]
      near = [words[j] for j in best if of_word[j] >= min_cosine]
      if near:
        found[words[i]] = near
  return found
