"""A data set whose images all get one size."""

import numpy as np

from robust_jax import checks
from robust_jax.adapters.dataset import Dataset, Sample


class Resized:
  """The middle square of each image, `size` x `size` pixels.

  The shorter side is resized to `size` (Pillow, bilinear, which averages where
  it shrinks) and the longer one cut off at both ends.

  Attributes:
    class_names: as before.
  """

  def __init__(self, dataset: Dataset, size: int):
    checks.at_least_one("size", size)
    self.class_names = dataset.class_names
    self._dataset, self._size = dataset, size

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """The index-th one, resized."""
    import PIL.Image

    sample = self._dataset.get(index)
    image, size = sample[1], self._size
    grey = image.shape[-1] == 1
    picture = PIL.Image.fromarray(image[..., 0] if grey else image)
    scale = size / min(picture.size)
    width, height = (max(size, round(scale * n)) for n in picture.size)
    picture = picture.resize((width, height), PIL.Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    picture = picture.crop((left, top, left + size, top + size))
    result = np.asarray(picture).reshape(size, size, image.shape[-1])
    return Sample(sample[0], result, sample[2])
