"""A dataset whose classes get the order of a model's outputs."""

import difflib
from collections.abc import Sequence

from robust_jax.data.readers.image_reader import ImageReader, Sample


class InOrder:
  """The same images, labeled by the place of their class among other names.

  Where the dataset only numbers its classes, its numbers are those places.

  Attributes:
    class_names: K names; the dataset may lack some.
    left_out: as before.
  """

  def __init__(self, dataset: ImageReader, class_names: Sequence[str]):
    """Finds each class of the dataset.

    Args:
      dataset: with names of its own.
      class_names: K names, in the order of the model's outputs.

    Raises:
      ValueError: a class of the dataset is not among them.
    """
    self.class_names = tuple(class_names)
    self.left_out = getattr(dataset, "left_out", ())
    self._dataset = dataset
    places = {name: place for place, name in enumerate(self.class_names)}
    own = list(dataset.class_names)
    if all(name.isdecimal() for name in own) and not set(own) <= set(places):
      places = {f"{place}": place for place in range(len(self.class_names))}
    missing = [name for name in own if name not in places]
    if missing:
      near = difflib.get_close_matches(missing[0], places, n=1)
      hint = f" Is '{missing[0]}' their '{near[0]}'?" if near else ""
      raise ValueError(
        f"the {len(places)} class names that are given lack {len(missing)} of "
        f"the {len(own)} classes of the data ({', '.join(missing[:5])}"
        f"{', ...' if len(missing) > 5 else ''}): expected all of them.{hint}"
      )
    self._labels = [places[name] for name in own]

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """The index-th one; a label that was unknown stays as it is."""
    sample = Sample(*self._dataset.get(index))
    known = sample.label is not None and sample.label in range(
      len(self._labels)
    )
    return (
      sample._replace(label=self._labels[sample.label]) if known else sample
    )
