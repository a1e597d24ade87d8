"""Flags that name the data of the command `compare`."""

from collections.abc import Sequence

from absl import flags

from experiments.compare.class_names import class_names
from experiments.compare.open_data import Columns, open_images, open_texts
from robust_jax.comparison.data_kinds.base import DataKind
from robust_jax.data.readers.reader import Reader

DATA = flags.DEFINE_string(
  "data",
  None,
  "compare: a folder of class folders, an .npz or a dataset by name; or texts "
  "in a .csv, .tsv or .jsonl, or some of its rows, as in reviews.csv[1000:], "
  "or in a TFDS dataset, as in tfds:imdb_reviews#test.",
)
_TEXT_COLUMN = flags.DEFINE_list(
  "text_column",
  ["text"],
  "compare: column of the texts in --data, or several, separated by commas.",
)
_LABEL_COLUMN = flags.DEFINE_string(
  "label_column",
  "label",
  "compare: column of the labels of texts; empty for texts without labels.",
)
_HEADER = flags.DEFINE_list(
  "header",
  [],
  "compare: names of the columns of texts in a file without a header.",
)
_SPLIT = flags.DEFINE_string(
  "split", "test", "compare: split of a dataset by name."
)
IMAGE_SIZE = flags.DEFINE_integer(
  "image_size",
  None,
  "compare: side in pixels to resize and crop images to.",
  lower_bound=1,
)
_CLASS_NAMES = flags.DEFINE_string(
  "class_names",
  None,
  "compare: the classes in the order of the models' outputs: a file with a "
  "name on each line or a JSON list, or names separated by commas. The data "
  "may lack some.",
)
# Flags of the extra tests, which are of images.
_EXTRA_TESTS = ("natural_shifts", "sequences", "system_noise")


def open_data(data: str, kind: DataKind) -> Reader:
  """Opens the data as the flags say.

  Args:
    data: value of --data.
    kind: its kind, see `kind_of`.

  Raises:
    ValueError: a flag is for another kind of data, or the data cannot be read.
  """
  of_texts = ("text_column", "label_column", "header")
  of_images = ("split", "image_size", *_EXTRA_TESTS)
  for name in of_images if kind.name == "texts" else of_texts:
    if flags.FLAGS[name].present:
      raise ValueError(
        f"--{name} is not for {kind.name}, and --data={data} are {kind.name}: "
        "leave it out."
      )
  names: Sequence[str] | None = None
  if _CLASS_NAMES.value is not None:
    names = class_names(_CLASS_NAMES.value)
  if kind.name == "texts":
    columns = Columns(_TEXT_COLUMN.value, _LABEL_COLUMN.value, _HEADER.value)
    return open_texts(data, columns, names)
  return open_images(data, _SPLIT.value, IMAGE_SIZE.value, names)
