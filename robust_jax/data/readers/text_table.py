"""Texts and labels from csv, tsv and jsonl files."""

import csv
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

SUFFIXES = (".csv", ".tsv", ".jsonl")
"""Suffixes of the files that can be read."""


class TextTable(NamedTuple):
  """The chosen columns of a file.

  Attributes:
    texts: N texts.
    labels: N labels as they are in the file, as strings; None if no column is
      named.
    pairs: the second text of each example, or None.
  """

  texts: list[str]
  labels: list[str] | None
  pairs: list[str] | None


def read_text_table(
  path: str | pathlib.Path,
  *,
  text: str | Sequence[str],
  label: str | None,
  pair: str | None = None,
  header: Sequence[str] | None = None,
) -> TextTable:
  """Reads named columns of a csv, tsv or jsonl file in UTF-8.

  A byte order mark at the beginning of the file is ignored. Fields of a csv may
  be quoted; those of a tsv are not, as in GLUE.

  Args:
    path: the file, with the suffix of its format.
    text: the column of the texts, or several, which are joined by a space.
    label: the column of the labels; None for texts without labels.
    pair: the column of a second text of each example.
    header: names of the columns of a file without a header.

  Raises:
    ValueError: the file cannot be read, is of another format, has no such
      column or no rows, or a row has another number of fields.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.data.readers.text_table import read_text_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder, "films.csv")
    ...   _ = path.write_text('sentence,label\\n"good, in parts",1\\n')
    ...   read_text_table(path, text="sentence", label="label")
    TextTable(texts=['good, in parts'], labels=['1'], pairs=None)
  """
  path = pathlib.Path(path)
  if path.suffix not in SUFFIXES:
    raise ValueError(f"{path}: expected a file named {', '.join(SUFFIXES)}.")
  columns = [text] if isinstance(text, str) else list(text)
  texts, labels, pairs = [], [], []
  for row in _rows(path, header):
    for name in (*columns, *filter(None, (label, pair))):
      if row.get(name) is None:
        raise ValueError(
          f"{path}: no column '{name}', expected one of "
          f"{', '.join(map(repr, row))}."
        )
    texts.append(" ".join(str(row[name]) for name in columns))
    labels.append(str(row[label]) if label else "")
    pairs.append(str(row[pair]) if pair else "")
  if not texts:
    raise ValueError(f"{path}: no rows, expected one or more.")
  return TextTable(texts, labels if label else None, pairs if pair else None)


def _rows(
  path: pathlib.Path, header: Sequence[str] | None
) -> Iterator[Mapping[str, object]]:
  """The rows of a file, as values by the names of their columns."""
  try:
    with path.open(encoding="utf-8-sig", newline="") as file:
      if path.suffix == ".jsonl":
        yield from _json_rows(path, file)
        return
      if path.suffix == ".tsv":
        fields = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
      else:
        fields = csv.reader(file)
      names = list(header) if header else next(fields, [])
      for values in fields:
        if len(values) != len(names):
          raise ValueError(
            f"{path}, line {fields.line_num}: {len(values)} fields, expected "
            f"{len(names)}: {', '.join(names)}."
          )
        yield dict(zip(names, values, strict=True))
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    raise ValueError(f"{path} cannot be read: {error}") from error


def _json_rows(path, file) -> Iterator[Mapping[str, object]]:
  for number, line in enumerate(file, start=1):
    if line.strip():
      try:
        row = json.loads(line)
      except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {number}: {error}") from error
      if not isinstance(row, dict):
        raise ValueError(
          f"{path}, line {number}: {line[:40]!r}, expected an object."
        )
      yield row
