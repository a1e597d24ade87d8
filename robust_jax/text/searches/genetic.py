"""Genetic search over edited texts."""

import numpy as np
from scipy.special import softmax

from robust_jax import checks
from robust_jax.text.edit_set import EditSet
from robust_jax.text.searches.base import Questions, TextSearch, random_edit
from robust_jax.text.split_text import SplitText

_SMALLEST = -1e6  # a value may be minus infinity


def genetic_search(
  *,
  population_size: int = 20,
  num_generations: int = 20,
  temperature: float = 0.3,
) -> TextSearch:
  """Genetic search: texts are crossed word by word, and mutated by one edit.

  The best text of a generation survives as it is.

  Args:
    population_size: number of texts in a generation, 2 or more.
    num_generations: number of generations.
    temperature: of the softmax of values by which parents are drawn.

  Raises:
    ValueError: a number is too small.

  Source: Alzantot et al. 2018, "Generating natural language adversarial
  examples", algorithm 1.

  Deviation: a child that the constraints forbid is replaced by its first
  parent; a mutation draws an edit at random instead of trying all of a word.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import attack_texts, edits, edit_set, searches
    >>> def predict(texts):
    ...   z = np.array([text.count("z") for text in texts])
    ...   return np.stack([2.5 - z, z], axis=1)
    >>> (result,) = attack_texts.attack_texts(
    ...   predict,
    ...   ["such a good film"],
    ...   [0],
    ...   edit_set.EditSet(edits.substitute_characters("z")),
    ...   searches.genetic_search(population_size=8, num_generations=8),
    ... )
    >>> result.status, result.words_changed
    ('successful', 2)
  """
  if population_size < 2:
    raise ValueError(
      f"population_size = {population_size}: expected 2 or more."
    )
  checks.at_least_one("num_generations", num_generations)
  checks.positive("temperature", temperature)

  def search(edit_set, text, value, rng) -> Questions:
    del value
    if not edit_set.places(text):
      return
    population = [
      random_edit(edit_set, text, text, rng) for _ in range(population_size)
    ]
    for _ in range(num_generations):
      values = yield population
      weights = softmax(np.maximum(values, _SMALLEST) / temperature)
      parents = rng.choice(population_size, (population_size - 1, 2), p=weights)
      children = [
        _child(edit_set, text, population[a], population[b], rng)
        for a, b in parents
      ]
      population = [population[int(values.argmax())], *children]

  return search


def _child(
  edit_set: EditSet,
  original: SplitText,
  first: SplitText,
  second: SplitText,
  rng: np.random.Generator,
) -> SplitText:
  """Words of two parents, each of either with equal chance, and one edit."""
  takes_first = rng.random(len(original.words)) < 0.5
  words = zip(takes_first, first.words, second.words, strict=True)
  child = original._replace(words=tuple(a if own else b for own, a, b in words))
  if not edit_set.allows(original, child):
    child = first
  return random_edit(edit_set, original, child, rng)
