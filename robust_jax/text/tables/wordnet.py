"""Synonyms from WordNet's own database files."""

import pathlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from robust_jax.text.edits.base import distinct

_PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
# The syntactic marker behind some adjectives: galore(ip).
_MARKER = re.compile(r"\((?:a|p|ip)\)$")


def read_wordnet(folder: str | pathlib.Path) -> Mapping[str, Sequence[str]]:
  """Reads the synonyms of each word from a WordNet database.

  Two words are synonyms if a synset contains both, whatever their part of
  speech, which is not told from a word alone. Words of several parts, such as
  "give up", have spaces.

  Args:
    folder: the folder `dict` of WordNet, with `data.noun`, `data.verb`,
      `data.adj` and `data.adv`.

  Returns:
    Synonyms of each word in lower case.

  Raises:
    ValueError: there are no such files, or a line is not in their format.

  Source: the page wndb(5WN) of WordNet 3.0, section "Data file format".

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.text.tables import read_wordnet
    >>> line = "01123148 00 a 02 good 0 full 0 000 | having the qualities"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   _ = pathlib.Path(folder, "data.adj").write_text(line)
    ...   read_wordnet(folder)
    {'good': ['full'], 'full': ['good']}
  """
  folder = pathlib.Path(folder)
  paths = [folder / f"data.{part}" for part in _PARTS_OF_SPEECH]
  paths = [path for path in paths if path.is_file()]
  if not paths:
    raise ValueError(
      f"{folder}: expected the folder 'dict' of WordNet, with files such as "
      "data.noun, which https://wordnet.princeton.edu and the Debian package "
      "wordnet-base provide."
    )
  found: dict[str, list[str]] = defaultdict(list)
  for path in paths:
    for words in _synsets(path):
      for word in words:
        found[word.lower()] += words
  table = {word: distinct(word, all_) for word, all_ in found.items()}
  return {word: others for word, others in table.items() if others}


def _synsets(path: pathlib.Path) -> Iterator[list[str]]:
  """The words of each synset of a data file, whose license has an indent."""
  with path.open(encoding="utf-8") as lines:
    for number, line in enumerate(lines, start=1):
      if line.strip() and not line.startswith("  "):
        fields = line.split(" ")
        try:
          last = 4 + 2 * int(fields[3], 16)
          words = fields[4:last:2]
        except (IndexError, ValueError):
          words = []
        if not words or last > len(fields):
          raise ValueError(
            f"{path}, line {number}: {line[:40]!r} is no synset: expected the "
            "offset, file number, type, number of words and words."
          )
        yield [_MARKER.sub("", word).replace("_", " ") for word in words]
