"""Loading of TFDS datasets by name, without tensorflow."""

import shlex

import numpy as np
import tensorflow_datasets as tfds

from robust_jax.data.crops import cropped_dataset
from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_dataset
from robust_jax.data.prepare import check_readable, prepare
from robust_jax.data.tfds import find_builder, is_prepared, own_builder


def load(
  name: str,
  split: str,
  data_dir: str | None = None,
  *,
  unknown_labels: bool = False,
  size: int | None = None,
) -> Dataset:
  """Loads the images and labels of one split of a dataset.

  Datasets of this project are prepared on first use.

  Args:
    name: name of a dataset; see `find_builder`: "digits", "mnist", "cifar10",
      ...
    split: a TFDS split: "train", "test", "train[:90%]", "train+test".
    data_dir: TFDS directory; see `find_builder`.
    unknown_labels: whether labels may be secret (-1), as in a target domain.
    size: side in pixels of crops of images of any size, see
      `crops.cropped_dataset`; None for images of one shape, as they are stored.

  Returns:
    A `Dataset`.

  Raises:
    ValueError: the name or split is unknown or the split empty; the dataset is
      not prepared (the message contains the command); or it does not consist of
      8-bit images of one shape with a class each.
  """
  builder = find_builder(name, data_dir)
  _check_kind(builder)
  image_key, label_key = _keys(builder)
  image_shape = _image_shape(builder, image_key, size)
  num_classes = _num_classes(builder, label_key)
  builder = prepared_builder(builder, name, data_dir)
  num_examples = number_of_examples(builder, split)
  # Files of images to be cropped are decoded by the dataset, in threads.
  is_file = isinstance(builder.info.features[image_key], tfds.features.Image)
  skip = {image_key: tfds.decode.SkipDecoding()}
  decoders = skip if is_file and size is not None else None
  records = builder.as_data_source(split, decoders=decoders)

  def read_pairs(indices):
    examples = records.__getitems__(indices)
    return ((e[image_key], e[label_key]) for e in examples)

  make = image_dataset if size is None else cropped_dataset
  return make(
    name,
    image_shape,
    num_classes,
    num_examples,
    read_pairs,
    class_names=builder.info.features[label_key].names,
    unknown_labels=unknown_labels,
  )


def prepared_builder(
  builder: tfds.core.DatasetBuilder, name: str, data_dir: str | None = None
) -> tfds.core.DatasetBuilder:
  """Returns the builder of a dataset that can be read.

  Datasets of this project are prepared if necessary.

  Args:
    builder: builder from `find_builder`.
    name: name by which it was found.
    data_dir: TFDS directory.

  Raises:
    ValueError: another dataset is not prepared.
  """
  if is_prepared(builder):
    check_readable(builder)
    return builder
  if own_builder(name) is not None:
    prepare(name, data_dir)
    return find_builder(name, data_dir)
  command = f"./launch.sh data {name}"
  if data_dir is not None:
    command = f"TFDS_DATA_DIR={shlex.quote(str(data_dir))} {command}"
  raise ValueError(
    f"dataset '{name}' is not prepared in {builder.data_dir}: run `{command}`."
  )


def _check_kind(builder):
  features = builder.info.features or {}
  kinds = list(_kinds(features))
  texts = [path for path, kind in kinds if issubclass(kind, tfds.features.Text)]
  boxes = [
    path for path, kind in kinds if issubclass(kind, tfds.features.BBoxFeature)
  ]
  has_images = any(issubclass(kind, tfds.features.Image) for _, kind in kinds)
  has_class = any(
    isinstance(feature, tfds.features.ClassLabel)
    for feature in dict(features).values()
  )
  if texts and not has_images:
    raise ValueError(
      f"dataset '{builder.name}' holds text in {', '.join(texts)}: expected "
      "images with a class. Text needs a tokenizer: set data.kind = 'text' in "
      f"the config, and splits such as 'tfds:{builder.name}#train'."
    )
  if boxes and not has_class:
    raise ValueError(
      f"dataset '{builder.name}' holds boxes in {', '.join(boxes)}: expected "
      "images with one class each. Boxes need images of one size and padding "
      "to one number of boxes with a mask: make a dataset of those arrays by "
      "robust_jax.data.dataset.from_arrays."
    )


def _kinds(features, path=""):
  """Yields the path of each feature, such as objects/bbox, and its class."""
  for name, feature in features.items():
    where = f"{path}{name}"
    feature = getattr(feature, "feature", feature)  # of a sequence
    if hasattr(feature, "items"):
      yield from _kinds(feature, f"{where}/")
    else:
      yield where, type(feature)


def _keys(builder):
  keys = builder.info.supervised_keys or ("image", "label")
  features = list(builder.info.features or ())
  if len(keys) != 2 or any(key not in features for key in keys):
    raise ValueError(
      f"dataset '{builder.name}' has the features {features}: expected an "
      "image and a label."
    )
  return keys


def _image_shape(builder, key, size):
  feature = builder.info.features[key]
  shape = getattr(feature, "shape", None)
  if isinstance(shape, tuple) and len(shape) == 3 and size is not None:
    shape = (size, size, shape[-1])
  if not isinstance(shape, tuple) or len(shape) != 3 or None in shape:
    raise ValueError(
      f"'{key}' of dataset '{builder.name}' has the shape {shape}: expected "
      "images of one fixed shape (H, W, C). Of images of any size, data.size "
      "in a config is the side of square crops."
    )
  if feature.np_dtype != np.uint8:
    raise ValueError(
      f"'{key}' of dataset '{builder.name}' is {np.dtype(feature.np_dtype)}: "
      "expected 8-bit images, uint8."
    )
  return shape


def _num_classes(builder, key):
  feature = builder.info.features[key]
  num_classes = getattr(feature, "num_classes", None)
  if num_classes is None:
    raise ValueError(
      f"'{key}' of dataset '{builder.name}' is a {type(feature).__name__}: "
      "expected a ClassLabel, one class of a known number."
    )
  return num_classes


def number_of_examples(builder: tfds.core.DatasetBuilder, split: str) -> int:
  """Returns the number of examples of a split of a prepared dataset.

  Raises:
    ValueError: there is no such split, or it is empty.
  """
  try:
    num_examples = builder.info.splits[split].num_examples
  except (KeyError, ValueError) as error:
    raise ValueError(
      f"dataset '{builder.name}' has no split '{split}': expected one of "
      f"{list(builder.info.splits)}, or a part such as 'train[:90%]'."
    ) from error
  if num_examples == 0:
    raise ValueError(f"split '{split}' of '{builder.name}' is empty.")
  return num_examples
