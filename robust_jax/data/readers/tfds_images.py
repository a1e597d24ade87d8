"""A dataset of TFDS whose images have any sizes."""

from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds

from robust_jax.data.load import prepared
from robust_jax.data.readers.image_reader import Sample
from robust_jax.data.tfds import find_builder


class TfdsImages:
  """One split; what trains wants images of one size, see `data.load`.

  Ids are file names where the dataset has them, else name and place. Where an
  image may have several labels (`real_label`), those that have none are left
  out.

  Attributes:
    class_names: K names.
    label_sets: for each image the classes of which any is right, where there
      may be several: `Sample.label` is None there, and this anywhere else.
  """

  def __init__(
    self,
    name: str,
    split: str = "test",
    *,
    data_dir: str | None = None,
    class_names: Sequence[str] | None = None,
  ):
    """Opens the dataset; its labels are read at once where they are sets.

    Args:
      name: as `data.load` takes it.
      split: as TFDS writes it.
      data_dir: as `data.load` takes it.
      class_names: in the order of its labels. None numbers them.

    Raises:
      ValueError: no such dataset or split, it is not prepared, has no image or
        no label, or another number of classes than of names.
    """
    builder = prepared(find_builder(name, data_dir), name, data_dir)
    features = builder.info.features
    self._name = name
    self._label = next(
      (k for k in ("label", "real_label") if k in features), ""
    )
    if "image" not in features or not self._label:
      raise ValueError(
        f"dataset '{name}' has the features {list(features)}: expected 'image' "
        "and 'label'."
      )
    if split not in builder.info.splits:
      raise ValueError(
        f"dataset '{name}' has no split '{split}': expected one of "
        f"{list(builder.info.splits)}."
      )
    self._records = builder.as_data_source(split)
    label = features[self._label]
    # Of a sequence of labels, the classes are those of its members.
    num_classes = getattr(label, "feature", label).num_classes
    numbers = [str(i) for i in range(num_classes)]
    self.class_names = tuple(numbers if class_names is None else class_names)
    if len(self.class_names) != num_classes:
      raise ValueError(
        f"{len(self.class_names)} class names for {num_classes} classes of "
        f"'{name}': expected one each."
      )
    self._rows = range(len(self._records))
    self.label_sets = None
    if self._label == "real_label":
      skip = {"image": tfds.decode.SkipDecoding()}
      records = builder.as_data_source(split, decoders=skip)
      sets = [frozenset(map(int, r[self._label])) for r in records]
      self._rows = [row for row, labels in enumerate(sets) if labels]
      self.label_sets = tuple(sets[row] for row in self._rows)

  def __len__(self) -> int:
    return len(self._rows)

  def get(self, index: int) -> Sample:
    """The index-th image."""
    row = self._rows[index]
    record = self._records[row]
    file = record.get("file_name")
    name = f"{self._name}/{row}" if file is None else _text(file)
    label = None if self.label_sets is not None else int(record[self._label])
    return Sample(name, np.asarray(record["image"]), label)


def _text(value) -> str:
  return value.decode() if isinstance(value, bytes) else str(value)
