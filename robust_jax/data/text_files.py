"""Datasets of tokenized texts from csv, tsv and jsonl files, and from TFDS."""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import tokenizers

from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.raw_files import find_raw
from robust_jax.data.readers.text_table import TextTable, read_text_table
from robust_jax.data.readers.tfds_texts import read_tfds_texts
from robust_jax.text.tokenizer import encode

_TFDS = re.compile(r"tfds:(?P<name>.+)#(?P<split>.+)")
_PART = re.compile(r"(?P<file>.*?)(?:\[(?P<start>\d*):(?P<stop>\d*)\])?")


def read_part(
  part: str,
  *,
  text: str | Sequence[str] = "text",
  label: str | None = "label",
  pair: str | None = None,
  header: Sequence[str] | None = None,
) -> TextTable:
  """Reads a file, some of its rows, or a split of a TFDS dataset.

  Args:
    part: a file as in "train.tsv", or some of its rows as in
      "train.tsv[1000:]". A relative path is looked up in the working directory,
      and then in `$ROBUST_JAX_DATA/raw/text`. Or a split of a TFDS dataset, as
      in "tfds:glue/sst2#train[1000:]", whose features are the columns and whose
      labels are numbers.
    text: see `read_text_table`, as the others.
    label: likewise.
    pair: likewise.
    header: likewise.

  Raises:
    ValueError: there is no such file, or no row in the part, or as for
      `read_text_table`.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.data.text_files import read_part
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder, "films.tsv")
    ...   _ = path.write_text("text\\tlabel\\ngood\\t1\\nbad\\t0\\n")
    ...   read_part(f"{path}[1:]").texts
    ['bad']
  """
  if found := _TFDS.fullmatch(part):
    return read_tfds_texts(
      **found.groupdict(), text=text, label=label, pair=pair
    )
  if part.startswith("tfds:"):
    raise ValueError(
      f"'{part}': expected tfds:NAME#SPLIT, as in tfds:glue/sst2#train."
    )
  path, rows = find_part(part)
  table = read_text_table(
    path, text=text, label=label, pair=pair, header=header
  )
  table = TextTable(
    table.texts[rows],
    table.labels and table.labels[rows],
    table.pairs and table.pairs[rows],
  )
  if not table.texts:
    raise ValueError(f"'{part}': no rows, expected one or more.")
  return table


def tokenized(
  name: str,
  table: TextTable,
  tokenizer: tokenizers.Tokenizer,
  *,
  length: int,
  labels: Sequence[str],
  class_names: Sequence[str] | None = None,
  copies: Sequence[Sequence[str]] = (),
) -> Dataset:
  """Makes a dataset of tokens and classes of a table of texts.

  Args:
    name: name in error messages.
    table: see `read_part`.
    tokenizer: see `text.tokenizer`.
    length: number of tokens of an example; longer texts are cut at the end.
    labels: labels of the table, in the order of the classes.
    class_names: names of the classes; by default the labels.
    copies: V lists of other versions of the texts, see `text.edited_copies`.

  Returns:
    A `Dataset` of `x = {"tokens" [T], "mask" [T]}` and classes `y`, whose info
    has `num_classes`, `class_names`, `vocabulary_size` and `tokenizer`. With
    copies x also has "variants", see `perturbations.variants`.

  Raises:
    ValueError: the table has another label, or there are not as many names as
      labels.

  Example:
    >>> from robust_jax.data.readers.text_table import TextTable
    >>> from robust_jax.data.text_files import tokenized
    >>> from robust_jax.text.tokenizer import train_tokenizer
    >>> table = TextTable(["a film", "a bad film"], ["+", "-"], None)
    >>> tokenizer = train_tokenizer(table.texts)
    >>> dataset = tokenized(
    ...   "films", table, tokenizer, length=4, labels=["-", "+"]
    ... )
    >>> dataset.read([0])["y"].tolist(), dataset.info["num_classes"]
    ([1], 2)
  """
  names = tuple(class_names or labels)
  if len(names) != len(labels):
    raise ValueError(
      f"class_names = {names} for the labels {tuple(labels)}: expected as many."
    )
  if table.labels is None:
    raise ValueError(f"dataset '{name}' has no labels: expected a column.")
  classes = {label: i for i, label in enumerate(labels)}
  for row, label in enumerate(table.labels):
    if label not in classes:
      raise ValueError(
        f"dataset '{name}', example {row}: the label {label!r}, expected one "
        f"of {', '.join(map(repr, classes))}."
      )
  versions = [
    encode(tokenizer, texts, length, pairs=table.pairs)
    for texts in (table.texts, *copies)
  ]
  x = with_variants(versions[0], versions[1:])
  y = np.array([classes[label] for label in table.labels], np.int32)
  return from_arrays(
    name,
    {"x": x, "y": y},
    info={
      "num_classes": len(names),
      "class_names": names,
      "vocabulary_size": tokenizer.get_vocab_size(),
      "tokenizer": tokenizer,
    },
  )


def find_part(part: str) -> tuple[pathlib.Path, slice]:
  """Finds a file and its rows from a start to a stop, given as in `read_part`.

  Raises:
    ValueError: there is no such file.
  """
  found = _PART.fullmatch(part)
  assert found is not None  # it matches any text
  rows = slice(*(int(v) if v else None for v in found.group("start", "stop")))
  return find_raw(found["file"], "text"), rows


def with_variants(
  x: dict[str, np.ndarray], variants: Sequence[dict[str, np.ndarray]]
) -> dict[str, Any]:
  """Adds an entry "variants" to encoded texts, if there are any.

  Args:
    x: arrays `[N, ...]`.
    variants: V such encodings.

  Returns:
    x, whose "variants" are arrays `[N, V, ...]`.
  """
  if not variants:
    return dict(x)
  return {
    **x,
    "variants": {
      name: np.stack([one[name] for one in variants], axis=1) for name in x
    },
  }
