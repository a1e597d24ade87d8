"""Edits of a text: the replacements of one word, as a pure function.

An `Edit` maps a word to its replacements, in a fixed order, without the word
itself and without repetitions. An empty replacement drops the word.
"""

from robust_jax.text.edits.base import random_choice, union
from robust_jax.text.edits.characters import (
  delete_characters,
  homoglyphs,
  insert_characters,
  insert_space,
  keyboard_typos,
  substitute_characters,
  swap_characters,
)
from robust_jax.text.edits.tokens import exchange_tokens
from robust_jax.text.edits.words import (
  append_words,
  change_case,
  drop_word,
  duplicate_word,
  synonyms,
)

__all__ = [
  "append_words",
  "change_case",
  "delete_characters",
  "drop_word",
  "duplicate_word",
  "exchange_tokens",
  "homoglyphs",
  "insert_characters",
  "insert_space",
  "keyboard_typos",
  "random_choice",
  "substitute_characters",
  "swap_characters",
  "synonyms",
  "union",
]
