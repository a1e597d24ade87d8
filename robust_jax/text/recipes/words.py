"""Attacks by edits of whole words."""

from collections.abc import Mapping, Sequence

from robust_jax.text import constraints, edits, goals, searches
from robust_jax.text.edit_set import EditSet
from robust_jax.text.recipes.base import Recipe


def genetic_synonyms(
  table: Mapping[str, Sequence[str]],
  *,
  max_fraction: float = 0.2,
  population_size: int = 60,
  num_generations: int = 20,
) -> Recipe:
  """Genetic search for synonyms.

  Args:
    table: replacements of a word in lower case.
    max_fraction: largest fraction of the words that change.
    population_size: see `text.searches.genetic_search`.
    num_generations: likewise.

  Source: Alzantot et al. 2018, "Generating natural language adversarial
  examples"; see `text.searches.genetic_search`.

  Deviation: no language model ranks the replacements.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> recipe = recipes.genetic_synonyms({"good": ["nice"]})
    >>> recipe.edit_set.places(split("a good film"))
    [1]
  """
  return Recipe(
    _synonyms(table, max_fraction),
    searches.genetic_search(
      population_size=population_size, num_generations=num_generations
    ),
    goals.lower_probability(),
  )


def input_reduction(*, num_steps: int | None = None) -> Recipe:
  """Input reduction: drops words as long as the prediction stays.

  Args:
    num_steps: largest number of words that are dropped.

  Source: Feng et al. 2018, "Pathologies of neural models make interpretations
  difficult", section 3.

  Deviation: a step drops the first word that may go instead of the least
  important one.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import recipes
    >>> def predict(texts):
    ...   good = np.array([text.count("good") for text in texts])
    ...   return np.stack([0.5 - good, good], axis=1)
    >>> recipe = recipes.input_reduction()
    >>> (result,) = recipe.run(predict, ["such a good film"], [1])
    >>> result.adversarial
    'good'
  """
  return Recipe(
    EditSet(edits.drop_word()),
    searches.greedy_search(num_steps=num_steps),
    goals.fewest_words(),
  )


def pwws(table: Mapping[str, Sequence[str]]) -> Recipe:
  """PWWS: synonyms, by word saliency and by what each of them gains.

  Args:
    table: synonyms of a word, see `text.tables.read_wordnet`.

  Source: Ren, Deng, He and Che 2019, "Generating natural language adversarial
  examples through probability weighted word saliency".

  Deviation: synonyms of all parts of speech, without a tagger, and none of
  named entities; function words stay.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> recipe = recipes.pwws({"good": ["nice"]})
    >>> recipe.edit_set.places(split("a good film"))
    [1]
  """
  return Recipe(
    EditSet(edits.synonyms(table), [constraints.protect_words()]),
    searches.ranked_search(importance="weighted_saliency"),
    goals.lower_probability(),
  )


def synonym_substitution(
  table: Mapping[str, Sequence[str]], *, max_fraction: float = 0.4
) -> Recipe:
  """Greedy synonym substitution, in the order of the importance of words.

  With a table of nearest words in counter-fitted embeddings it is TextFooler
  without its tagger and its sentence encoder.

  Args:
    table: replacements of a word in lower case.
    max_fraction: largest fraction of the words that change.

  Source: Jin, Jin, Zhou and Szolovits 2020, "Is BERT really robust?"
  (TextFooler), algorithm 1.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> recipe = recipes.synonym_substitution({"good": ["nice"]})
    >>> recipe.edit_set.replacements(split("a good film"), 1)
    ['nice']
  """
  return Recipe(
    _synonyms(table, max_fraction),
    searches.ranked_search(importance="delete"),
    goals.lower_probability(),
  )


def _synonyms(
  table: Mapping[str, Sequence[str]], max_fraction: float
) -> EditSet:
  return EditSet(
    edits.synonyms(table),
    [
      constraints.protect_words(),
      constraints.max_words(fraction=max_fraction),
    ],
  )
