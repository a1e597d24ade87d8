"""A data set by name, through TFDS."""

from collections.abc import Sequence

from robust_jax.adapters.dataset import Sample
from robust_jax.data.source import Source


class SourceImages:
  """What `robust_jax.data.load` reads; ids are name and place.

  Attributes:
    class_names: K names.
  """

  def __init__(self, source: Source, class_names: Sequence[str] | None = None):
    """Reads nothing yet.

    Args:
      source: one split of a data set.
      class_names: in the order of its labels. None numbers them.

    Raises:
      ValueError: another number of names than of classes.
    """
    numbers = [str(i) for i in range(source.num_classes)]
    self.class_names = tuple(numbers if class_names is None else class_names)
    if len(self.class_names) != source.num_classes:
      raise ValueError(
        f"{len(self.class_names)} class names for {source.num_classes} classes "
        f"of '{source.name}': wanted one each."
      )
    self._source = source

  def __len__(self) -> int:
    return len(self._source)

  def get(self, index: int) -> Sample:
    """The index-th image."""
    ((image, label),) = self._source.read_pairs([index])
    return Sample(f"{self._source.name}/{index}", image, int(label))
