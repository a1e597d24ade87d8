"""The dataset named on a command line."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from robust_jax.comparison.data_kinds.annotated_images import (
  ANNOTATED_IMAGES,
)
from robust_jax.comparison.data_kinds.base import DataKind
from robust_jax.comparison.data_kinds.images import IMAGES
from robust_jax.comparison.data_kinds.texts import TEXTS
from robust_jax.data.load import load
from robust_jax.data.open_detection import has_boxes
from robust_jax.data.readers.dataset_images import DatasetImages
from robust_jax.data.readers.image_folder import ImageFolder
from robust_jax.data.readers.in_order import InOrder
from robust_jax.data.readers.npz_images import NpzImages
from robust_jax.data.readers.reader import Reader
from robust_jax.data.readers.resized_images import Resized
from robust_jax.data.readers.table_texts import TableTexts
from robust_jax.data.readers.text_table import SUFFIXES
from robust_jax.data.text_files import read_part


class Columns(NamedTuple):
  """Columns of a table of texts.

  Attributes:
    text: names of the columns of the text, which are joined by a space.
    label: name of the column of the labels; "" for none.
    header: names of the columns of a file without a header; none where it has
      one.
  """

  text: Sequence[str] = ("text",)
  label: str = "label"
  header: Sequence[str] = ()


def kind_of(data: str) -> DataKind:
  """Returns the kind of data that a path or name is of.

  Files named .csv, .tsv or .jsonl hold texts, also where some rows are named,
  as in "reviews.csv[1000:]", and so do splits of TFDS datasets such as
  "tfds:imdb_reviews#test". Images with boxes are those that `open_detection`
  opens. All else are images.
  """
  if has_boxes(data):
    return ANNOTATED_IMAGES
  path = pathlib.Path(data.partition("[")[0])
  of_texts = data.startswith("tfds:") or path.suffix in SUFFIXES
  return TEXTS if of_texts else IMAGES


def open_texts(
  data: str,
  columns: Columns | None = None,
  names: Sequence[str] | None = None,
) -> Reader:
  """Opens a csv, tsv or jsonl file of texts, or a split of a TFDS dataset.

  Args:
    data: path, and perhaps some of the rows, or a split; see `read_part`.
    columns: names of its columns.
    names: class names, in the order of the models' outputs; None for the labels
      of the file, in the order of numbers or of the alphabet.

  Raises:
    ValueError: there is no such file or column, or it has a class that is not
      among the names.
  """
  columns = columns or Columns()
  table = read_part(
    data,
    text=columns.text,
    label=columns.label or None,
    header=columns.header or None,
  )
  reader = TableTexts(table, names)
  return reader if names is None else InOrder(reader, names)


def open_images(
  data: str,
  split: str = "test",
  size: int | None = None,
  names: Sequence[str] | None = None,
) -> Reader:
  """Opens a folder of class folders, an `.npz`, or a dataset by name.

  Pictures of a folder are gray if all of them are.

  Args:
    data: path or name; an existing file or folder is a path.
    split: split of a dataset by name.
    size: side in pixels to resize and crop images to; None leaves them
      unchanged.
    names: class names, in the order of the models' outputs; None for the order
      of the data.

  Raises:
    ValueError: there is no such file, folder or dataset, or it has a class that
      is not among the names.
  """
  path = pathlib.Path(data).expanduser()
  if path.is_dir():
    dataset: Reader = ImageFolder(path, mode=None)
  elif path.exists() or path.suffix == ".npz":
    dataset = NpzImages(path)
  else:
    dataset = _by_name(data, split)
  if names is not None:
    dataset = InOrder(dataset, names)
  return dataset if size is None else Resized(dataset, size)


def _by_name(data, split):
  try:
    return DatasetImages(load(data, split, unknown_labels=True))
  except ValueError as error:
    raise ValueError(f"{data} is not a file or folder, and {error}") from error
