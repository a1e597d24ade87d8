"""Resizing of images with boxes to one shape."""

import numpy as np

from robust_jax import checks
from robust_jax.boxes import AnnotatedImage
from robust_jax.data.readers.detection.annotated_images import BoxReader
from robust_jax.data.readers.reader import Sample
from robust_jax.data.readers.resize_image import resize


class Letterboxed:
  """The images of a `BoxReader`, each `size` x `size` pixels.

  The longer side is resized to `size` (Pillow, bilinear with antialiasing), and
  the image is padded with black below or to the right. Boxes move with it.

  Args:
    dataset: images with boxes.
    size: side in pixels.

  Attributes:
    class_names: those of the dataset, as are the others.
    ids: likewise.
    image_ids: likewise.
    category_ids: likewise.
    left_out: likewise.
  """

  def __init__(self, dataset: BoxReader, size: int):
    checks.at_least_one("size", size)
    self.class_names, self.ids = dataset.class_names, dataset.ids
    self.image_ids = dataset.image_ids
    self.category_ids = dataset.category_ids
    self.left_out = dataset.left_out
    self._dataset, self._size = dataset, size

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    """Returns the example at the index, resized."""
    sample = Sample(*self._dataset.get(index))
    return sample._replace(x=letterboxed(sample.x, self._size))


def letterboxed(x: AnnotatedImage, size: int) -> AnnotatedImage:
  """Resizes and pads an image with its boxes, as by `Letterboxed`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import AnnotatedImage, Annotations
    >>> from robust_jax.data.readers.detection.letterboxed import letterboxed
    >>> box = np.array([[4, 0, 8, 2]], np.float32)
    >>> objects = Annotations(box, np.array([0]), np.array([False]))
    >>> image = np.zeros((4, 8, 3), np.uint8)
    >>> found = letterboxed(AnnotatedImage(image, objects), 16)
    >>> found.image.shape, found.annotations.boxes.tolist()
    ((16, 16, 3), [[8.0, 0.0, 16.0, 4.0]])
  """
  height, width, channels = x.image.shape
  scale = size / max(height, width)
  inner = max(1, round(scale * height)), max(1, round(scale * width))
  image = np.zeros((size, size, channels), np.uint8)
  image[: inner[0], : inner[1]] = resize(x.image, inner)
  across, down = inner[1] / width, inner[0] / height
  factors = np.array([across, down, across, down], np.float32)
  boxes = x.annotations.boxes * factors
  return AnnotatedImage(image, x.annotations._replace(boxes=boxes))
