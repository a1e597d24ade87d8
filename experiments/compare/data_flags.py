"""Flags that name the data of the commands `compare` and `attack`."""

from collections.abc import Sequence

from absl import flags

from experiments.adversarial_examples.images import (
  LabeledImages,
  images_of_reader,
)
from experiments.compare.class_names import class_names
from experiments.compare.open_data import (
  Columns,
  kind_of,
  open_images,
  open_texts,
)
from robust_jax.comparison.data_kinds.base import DataKind
from robust_jax.data.open_detection import open_detection
from robust_jax.data.readers.reader import Reader

DATA = flags.DEFINE_string(
  "data",
  None,
  "compare, attack: a folder of class folders, an .npz of images and labels, "
  "or a dataset by name; compare: or texts in a .csv, .tsv or .jsonl, or some "
  "of its rows, as in reviews.csv[1000:], or in a TFDS dataset, as in "
  "tfds:imdb_reviews#test; or images with boxes, as in annotations.json, "
  "data.yaml or boxes.npz[test].",
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
  "split", "test", "compare, attack: split of a dataset by name."
)
IMAGE_SIZE = flags.DEFINE_integer(
  "image_size",
  None,
  "compare, attack: side in pixels to resize and crop images to.",
  lower_bound=1,
)
_CLASS_NAMES = flags.DEFINE_string(
  "class_names",
  None,
  "compare, attack: the classes in the order of the models' outputs: a file "
  "with a name on each line or a JSON list, or names separated by commas. The "
  "data may lack some.",
)
_PICTURES = flags.DEFINE_string(
  "pictures",
  None,
  "compare: folder of the pictures of annotations, if it is not beside them.",
)
# Flags that are for one kind of data alone; extra tests are of images.
_FLAGS = {
  "texts": ("text_column", "label_column", "header"),
  "images": (
    "split",
    "image_size",
    "natural_shifts",
    "sequences",
    "system_noise",
  ),
  "annotated_images": ("pictures",),
}


def open_data(data: str, kind: DataKind) -> Reader:
  """Opens the data as the flags say.

  Args:
    data: value of --data.
    kind: its kind, see `kind_of`.

  Raises:
    ValueError: a flag is for another kind of data, or the data cannot be read.
  """
  unused = {name for names in _FLAGS.values() for name in names}
  for name in sorted(unused - set(_FLAGS[kind.name])):
    if flags.FLAGS[name].present:
      what = kind.name.replace("_", " ")
      raise ValueError(
        f"--{name} is not for {what}, and --data={data} are {what}: leave it "
        "out."
      )
  names: Sequence[str] | None = None
  if _CLASS_NAMES.value is not None:
    names = class_names(_CLASS_NAMES.value)
  if kind.name == "texts":
    columns = Columns(_TEXT_COLUMN.value, _LABEL_COLUMN.value, _HEADER.value)
    return open_texts(data, columns, names)
  if kind.annotated:
    return open_detection(data, images=_PICTURES.value, class_names=names)
  return open_images(data, _SPLIT.value, IMAGE_SIZE.value, names)


def images_to_attack(num_examples: int | None) -> LabeledImages | None:
  """Reads the images that the flags name; None without --data.

  Args:
    num_examples: number of images to draw at random; None for all.

  Raises:
    ValueError: they are no images, or a flag describes data that are not given.
  """
  if DATA.value is None:
    for name in ("split", "image_size", "class_names"):
      if flags.FLAGS[name].present:
        raise ValueError(
          f"--{name} describes --data: give a folder, an .npz or a dataset by "
          "name."
        )
    return None
  kind = kind_of(DATA.value)
  if kind.name != "images":
    what = kind.name.replace("_", " ")
    raise ValueError(
      f"--data={DATA.value} are {what}: attack needs images, in a folder of "
      "class folders, an .npz or a dataset by name."
    )
  return images_of_reader(open_data(DATA.value, kind), num_examples)
