"""Reordering of a reader's classes to the order of a model's outputs."""

import difflib
from collections.abc import Sequence

from robust_jax.data.readers.reader import Reader, Sample


class InOrder:
  """The same images, labeled by the position of their class among other names.

  Where the dataset only numbers its classes, its numbers are these positions.

  Attributes:
    class_names: K names, of which the dataset may lack some.
    left_out: that of the dataset.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.readers.array_images import ArrayImages
    >>> from robust_jax.data.readers.in_order import InOrder
    >>> images, labels = np.zeros((1, 2, 2), np.uint8), np.array([0])
    >>> reader = ArrayImages(images, labels, class_names=["dog"])
    >>> InOrder(reader, ["cat", "dog"]).get(0).label
    1
  """

  def __init__(self, dataset: Reader, class_names: Sequence[str]):
    """Maps each class of the dataset to a position.

    Args:
      dataset: dataset with class names of its own.
      class_names: K names, in the order of the model's outputs.

    Raises:
      ValueError: a class of the dataset is not among the names.
    """
    self.class_names: Sequence[str] = tuple(class_names)
    self.left_out = getattr(dataset, "left_out", ())
    self._dataset = dataset
    self._labels = places(dataset.class_names, self.class_names)

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """Returns the example at the index; unknown labels are unchanged."""
    sample = Sample(*self._dataset.get(index))
    if sample.label is None or sample.label not in range(len(self._labels)):
      return sample
    return sample._replace(label=self._labels[sample.label])


def places(own: Sequence[str], class_names: Sequence[str]) -> list[int]:
  """Returns the position of each class of a dataset among given names.

  Args:
    own: names of the dataset. Where they are all numbers, and not among the
      given names, they are the positions themselves.
    class_names: K names, in the order of the model's outputs.

  Raises:
    ValueError: a class of the dataset is not among the names.
  """
  found = {name: place for place, name in enumerate(class_names)}
  if all(name.isdecimal() for name in own) and not set(own) <= set(found):
    found = {f"{place}": place for place in range(len(class_names))}
  missing = [name for name in own if name not in found]
  if missing:
    near = difflib.get_close_matches(missing[0], found, n=1)
    hint = f" Is '{missing[0]}' their '{near[0]}'?" if near else ""
    raise ValueError(
      f"the {len(found)} class names given lack {len(missing)} of "
      f"the {len(own)} classes of the data ({', '.join(missing[:5])}"
      f"{', ...' if len(missing) > 5 else ''}): expected all of them.{hint}"
    )
  return [found[name] for name in own]
