"""A dataset by name, through TFDS."""

import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_shape
from robust_jax.data.readers.image_reader import Sample


class DatasetImages:
  """What `robust_jax.data.load` reads; ids are name and place.

  Attributes:
    class_names: K names.
  """

  def __init__(self, dataset: Dataset):
    """Reads nothing yet.

    Args:
      dataset: of images with a class.

    Raises:
      ValueError: its examples are no images or have no class.
    """
    image_shape(dataset)
    dataset.field("y")
    self.class_names = tuple(dataset.fact("class_names"))
    self._dataset = dataset

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """The index-th image."""
    stored = self._dataset.read(np.array([index]))
    name = f"{self._dataset.name}/{index}"
    return Sample(name, stored["x"][0], int(stored["y"][0]))
