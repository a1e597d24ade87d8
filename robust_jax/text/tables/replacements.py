"""Replacements of words from a JSON file of the user."""

import pathlib
from collections.abc import Mapping, Sequence

from robust_jax.files import read_json


def read_replacements(
  file: str | pathlib.Path,
) -> Mapping[str, Sequence[str]]:
  """Reads a table of replacements, such as nearest words in an embedding.

  Args:
    file: a JSON object: each word in lower case with a list of its
      replacements, the nearest first.

  Raises:
    ValueError: the file cannot be read or is no such table.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.text.tables import read_replacements
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder, "nearest.json")
    ...   _ = path.write_text('{"good": ["nice", "fine"]}')
    ...   read_replacements(path)
    {'good': ['nice', 'fine']}
  """
  path = pathlib.Path(file)
  table = read_json(path, "Give a JSON object of words and their replacements.")
  if not isinstance(table, dict) or not all(
    isinstance(words, list) and all(isinstance(word, str) for word in words)
    for words in table.values()
  ):
    raise ValueError(
      f"{path}: expected a JSON object of words, each with a list of words."
    )
  return table
