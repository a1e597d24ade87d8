"""Tables of the replacements of words, from files."""

from robust_jax.text.tables.nearest import nearest_words
from robust_jax.text.tables.replacements import read_replacements
from robust_jax.text.tables.wordnet import read_wordnet

__all__ = ["nearest_words", "read_replacements", "read_wordnet"]
