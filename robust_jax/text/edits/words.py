"""Edits of whole words: drop, repeat, append, case and synonyms."""

from collections.abc import Mapping, Sequence

from robust_jax.text.edits.base import Edit, distinct


def drop_word() -> Edit:
  """Removal of the word, with the space beside it.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.drop_word()("great")
    ['']
  """
  return lambda word: distinct(word, [""])


def duplicate_word() -> Edit:
  """Repetition of the word.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.duplicate_word()("great")
    ['great great']
  """
  return lambda word: [f"{word} {word}"]


def append_words(texts: Sequence[str]) -> Edit:
  """Insertions of real text behind the word.

  Args:
    texts: the texts to insert, such as sentences that say nothing about the
      class.

  Raises:
    ValueError: there are no texts.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.append_words(["she said"])("great")
    ['great she said']
  """
  if not texts or not all(texts):
    raise ValueError(
      f"texts = {list(texts)}: expected one or more texts to insert."
    )
  return lambda word: distinct(word, (f"{word} {text}" for text in texts))


def change_case() -> Edit:
  """The word in lower case, in upper case, and with a capital.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.change_case()("great")
    ['GREAT', 'Great']
  """
  return lambda word: distinct(
    word, (word.lower(), word.upper(), word.capitalize())
  )


def synonyms(table: Mapping[str, Sequence[str]]) -> Edit:
  """Replacements by words of a table, which is looked up in lower case.

  A replacement gets a capital where the word has one.

  Args:
    table: synonyms of a word in lower case, e.g. of `text.tables.read_wordnet`

  Source: Ren, Deng, He and Che 2019, "Generating natural language adversarial
  examples through probability weighted word saliency" (PWWS), section 3.2.1.

  Example:
    >>> from robust_jax.text import edits
    >>> edits.synonyms({"great": ["grand", "fine"]})("Great")
    ['Grand', 'Fine']
  """

  def edit(word: str) -> Sequence[str]:
    found = table.get(word.lower(), ())
    if word[:1].isupper():
      found = [new[:1].upper() + new[1:] for new in found]
    return distinct(word, found)

  return edit
