"""TFDS datasets with images of any sizes as an image reader."""

from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds

from robust_jax.data.load import prepared_builder
from robust_jax.data.readers.reader import Sample
from robust_jax.data.tfds import find_builder


class TfdsImages:
  """One split of a TFDS dataset with images of any sizes.

  Ids are file names where the dataset has them, else its name and the index.
  Where images have sets of labels (`real_label`), those without a label are
  left out.

  Attributes:
    class_names: K names.
    label_sets: for each image the set of correct classes, or None. Where it is
      present, `Sample.label` is None.
  """

  def __init__(
    self,
    name: str,
    split: str = "test",
    *,
    data_dir: str | None = None,
    class_names: Sequence[str] | None = None,
  ):
    """Opens the dataset; label sets are read at once.

    Args:
      name: name of a dataset; see `data.load`.
      split: a TFDS split.
      data_dir: TFDS directory; see `data.load`.
      class_names: K names, in the order of its labels; by default their
        numbers.

    Raises:
      ValueError: the dataset or split is unknown or not prepared, it has no
        image or no label, or the number of names is not the number of classes.
    """
    builder = prepared_builder(find_builder(name, data_dir), name, data_dir)
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
    # A sequence of labels has the classes of its members.
    num_classes = getattr(label, "feature", label).num_classes
    numbers = [str(i) for i in range(num_classes)]
    names = numbers if class_names is None else class_names
    self.class_names: Sequence[str] = tuple(names)
    if len(self.class_names) != num_classes:
      raise ValueError(
        f"{len(self.class_names)} class names for {num_classes} classes of "
        f"'{name}': expected one each."
      )
    self._rows: Sequence[int] = range(len(self._records))
    self.label_sets: tuple[frozenset[int], ...] | None = None
    if self._label == "real_label":
      skip = {"image": tfds.decode.SkipDecoding()}
      records = builder.as_data_source(split, decoders=skip)
      sets = [frozenset(map(int, r[self._label])) for r in records]
      self._rows = [row for row, labels in enumerate(sets) if labels]
      self.label_sets = tuple(sets[row] for row in self._rows)

  def __len__(self) -> int:
    return len(self._rows)

  def get(self, index: int) -> Sample:
    """Returns the image at the index."""
    row = self._rows[index]
    record = self._records[row]
    file = record.get("file_name")
    name = f"{self._name}/{row}" if file is None else _text(file)
    label = None if self.label_sets is not None else int(record[self._label])
    return Sample(name, np.asarray(record["image"]), label)


def _text(value) -> str:
  return value.decode() if isinstance(value, bytes) else str(value)
