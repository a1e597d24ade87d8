"""Resizing and cropping of a reader's images to one size."""

import numpy as np

from robust_jax import checks
from robust_jax.data.readers.reader import Reader, Sample
from robust_jax.data.readers.resize_image import resize


class Resized:
  """The central square of each image, `size` x `size` pixels.

  The shorter side is resized to `size` (Pillow, bilinear with antialiasing),
  and the longer side is cropped at both ends.

  Args:
    dataset: an image reader.
    size: side in pixels.

  Attributes:
    class_names: those of the dataset.
    left_out: that of the dataset.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.readers.array_images import ArrayImages
    >>> from robust_jax.data.readers.resized_images import Resized
    >>> reader = ArrayImages(np.zeros((1, 4, 6), np.uint8), np.array([0]))
    >>> Resized(reader, 2).get(0).x.shape
    (2, 2, 1)
  """

  def __init__(self, dataset: Reader, size: int):
    checks.at_least_one("size", size)
    self.class_names = dataset.class_names
    self.left_out = getattr(dataset, "left_out", ())
    self._dataset, self._size = dataset, size

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """Returns the example at the index, resized."""
    sample = Sample(*self._dataset.get(index))
    return sample._replace(x=middle_square(sample.x, self._size))


def middle_square(
  image: np.ndarray, size: int, resizer: str = "pillow_bilinear"
) -> np.ndarray:
  """Returns the central square of an image, resized as by `Resized`.

  Args:
    image: uint8 `[H, W, C]`.
    size: side in pixels.
    resizer: one of `RESIZERS`.

  Returns:
    uint8 `[size, size, C]`.
  """
  scale = size / min(image.shape[:2])
  height, width = (max(size, round(scale * n)) for n in image.shape[:2])
  image = resize(image, (height, width), resizer)
  top, left = (height - size) // 2, (width - size) // 2
  return image[top : top + size, left : left + size]
