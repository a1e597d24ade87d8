"""A data set of TFDS whose images have any sizes."""

from collections.abc import Sequence

import numpy as np

from robust_jax.adapters.dataset import Sample
from robust_jax.data.find_builder import find_builder
from robust_jax.data.load import prepared


class TfdsImages:
  """One split; what trains wants images of one size, see `data.load`.

  Ids are file names where the data set has them, else name and place.

  Attributes:
    class_names: K names.
    label_sets: for each example the classes of which any is right, where the
      data set has several (`real_label`): its labels are then None. Or None.
  """

  def __init__(
    self,
    name: str,
    split: str = "test",
    *,
    data_dir: str | None = None,
    class_names: Sequence[str] | None = None,
  ):
    """Opens the data set; its labels are read at once where they are sets.

    Args:
      name: as `data.load` takes it.
      split: as TFDS writes it.
      data_dir: as `data.load` takes it.
      class_names: in the order of its labels. None numbers them.

    Raises:
      ValueError: no such data set or split, it is not prepared, has no image or
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
        f"data set '{name}' has the features {list(features)}: wanted 'image' "
        "and 'label'."
      )
    if split not in builder.info.splits:
      raise ValueError(
        f"data set '{name}' has no split '{split}': wanted one of "
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
        f"'{name}': wanted one each."
      )
    self.label_sets = None
    if self._label == "real_label":
      sets = (record[self._label] for record in self._records)
      self.label_sets = tuple(frozenset(map(int, s)) for s in sets)

  def __len__(self) -> int:
    return len(self._records)

  def get(self, index: int) -> Sample:
    """The index-th image."""
    record = self._records[index]
    file = record.get("file_name")
    name = f"{self._name}/{index}" if file is None else _text(file)
    label = None if self.label_sets else int(record[self._label])
    return Sample(name, np.asarray(record["image"]), label)


def _text(value) -> str:
  return value.decode() if isinstance(value, bytes) else str(value)
