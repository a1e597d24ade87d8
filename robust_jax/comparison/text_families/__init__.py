"""Families of changes of texts under which models are compared.

A family is a function `(texts) -> Family` of all texts of the comparison. A
change that alters few of them does not apply. To add a family, write a module
and add its name to `__all__` below; `comparison.cases` finds it there.
"""

from robust_jax.comparison.text_families.entities import entities
from robust_jax.comparison.text_families.insertions import (
  inserted_text,
  other_texts,
)
from robust_jax.comparison.text_families.invariance_tests import (
  invariance_tests,
)
from robust_jax.comparison.text_families.marks import (
  case,
  contractions,
  punctuation,
)
from robust_jax.comparison.text_families.typos import (
  dropped_words,
  homoglyphs,
  keyboard,
  spaces,
  typos,
)

__all__ = [
  "case",
  "contractions",
  "dropped_words",
  "entities",
  "homoglyphs",
  "inserted_text",
  "invariance_tests",
  "keyboard",
  "other_texts",
  "punctuation",
  "spaces",
  "typos",
]
