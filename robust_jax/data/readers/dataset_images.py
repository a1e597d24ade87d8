"""A dataset of images as an image reader."""

import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_shape
from robust_jax.data.readers.reader import Sample


class DatasetImages:
  """Image reader of a `Dataset`; ids are its name and the index.

  Attributes:
    class_names: K names.
  """

  def __init__(self, dataset: Dataset):
    """Wraps a dataset.

    Args:
      dataset: dataset of images with classes.

    Raises:
      ValueError: the examples are not images or have no classes.
    """
    image_shape(dataset)
    dataset.field("y")
    self.class_names = tuple(dataset.fact("class_names"))
    self._dataset = dataset

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """Returns the image at the index."""
    stored = self._dataset.read(np.array([index]))
    name = f"{self._dataset.name}/{index}"
    return Sample(name, stored["x"][0], int(stored["y"][0]))
