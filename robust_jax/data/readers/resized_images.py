"""A dataset whose images all get one size."""

import numpy as np

from robust_jax import checks
from robust_jax.data.readers.image_reader import ImageReader, Sample
from robust_jax.data.readers.resize_image import resize


class Resized:
  """The middle square of each image, `size` x `size` pixels.

  The shorter side is resized to `size` (Pillow, bilinear, which averages where
  it shrinks) and the longer one cut off at both ends.

  Attributes:
    class_names: as before.
    left_out: likewise.
  """

  def __init__(self, dataset: ImageReader, size: int):
    checks.at_least_one("size", size)
    self.class_names = dataset.class_names
    self.left_out = getattr(dataset, "left_out", ())
    self._dataset, self._size = dataset, size

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """The index-th one, resized."""
    sample = Sample(*self._dataset.get(index))
    return sample._replace(image=middle_square(sample.image, self._size))


def middle_square(
  image: np.ndarray, size: int, resizer: str = "pillow_bilinear"
) -> np.ndarray:
  """uint8 `[size, size, C]` of an image `[H, W, C]`, as `Resized` makes it."""
  scale = size / min(image.shape[:2])
  height, width = (max(size, round(scale * n)) for n in image.shape[:2])
  image = resize(image, (height, width), resizer)
  top, left = (height - size) // 2, (width - size) // 2
  return image[top : top + size, left : left + size]
