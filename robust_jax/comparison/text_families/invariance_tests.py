"""Invariance tests of texts: changes that should not matter to any model."""

import re

from robust_jax.comparison.text_families.base import family_of, of_texts
from robust_jax.comparison.transformation import Family, Texts


def invariance_tests(texts: Texts) -> Family:
  """Identity, spaces around the text, double spaces, typographic quotes.

  A failure is a bug, not a hard text, and does not count in any risk. Quotes
  are tested only where a tenth of the texts have some.

  Args:
    texts: all texts of the comparison.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.invariance_tests(["a good film"])
    >>> [t.name for t in family.transformations]
    ['identity', 'outer_spaces', 'double_spaces']
  """
  identity = of_texts("identity", lambda text: text, "the same text again")
  found = family_of(
    "Tokenizers usually remove such differences; a model that sees them reads "
    "another text than its users.",
    [
      of_texts(
        "outer_spaces",
        lambda text: f" {text}\n",
        "a space in front, the end of a line behind",
      ),
      of_texts(
        "double_spaces",
        lambda text: re.sub(r"(?<=\S) (?=\S)", "  ", text),
        "two spaces for each",
      ),
      of_texts(
        "typographic_quotes", _curly, "\u2019 for ', \u201c\u201d for \""
      ),
    ],
    texts,
  )
  return found._replace(transformations=[identity, *found.transformations])


def _curly(text: str) -> str:
  text = re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text)
  return text.replace("'", "\u2019")
