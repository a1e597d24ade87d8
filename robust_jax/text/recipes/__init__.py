"""Named attacks on texts: an edit set, a search and a goal each."""

from robust_jax.text.recipes.compose import compose
from robust_jax.text.recipes.gradients import hot_flip
from robust_jax.text.recipes.typos import (
  deep_word_bug,
  pruthi,
  random_typos,
  text_bugger,
)
from robust_jax.text.recipes.words import (
  genetic_synonyms,
  input_reduction,
  pwws,
  synonym_substitution,
)

__all__ = [
  "compose",
  "deep_word_bug",
  "genetic_synonyms",
  "hot_flip",
  "input_reduction",
  "pruthi",
  "pwws",
  "random_typos",
  "synonym_substitution",
  "text_bugger",
]
