"""Arrays of images and labels as an image reader."""

from collections.abc import Sequence

import numpy as np

from robust_jax.data.readers.reader import Sample


class ArrayImages:
  """Images in an array, uint8 `[N, H, W, C]` or `[N, H, W]`.

  Attributes:
    class_names: K names.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.readers.array_images import ArrayImages
    >>> reader = ArrayImages(np.zeros((2, 4, 4), np.uint8), np.array([0, 1]))
    >>> len(reader), reader.get(1).label, reader.get(1).x.shape
    (2, 1, (4, 4, 1))
  """

  def __init__(
    self,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    ids: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    name: str = "the dataset",
  ):
    """Checks shapes and dtypes; a memory-mapped array is not read.

    Args:
      images: images, uint8.
      labels: int `[N]`, or None.
      ids: N names; by default the indices.
      class_names: K names, in the order of the model's outputs; by default the
        numbers up to the largest label.
      name: name in error messages.

    Raises:
      ValueError: shapes or dtypes are wrong, or there are neither labels nor
        class names.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
      raise ValueError(
        f"images of {name} are {images.dtype} of shape {images.shape}: "
        "expected uint8 [N, H, W, C] or [N, H, W]."
      )
    self._images = images if images.ndim == 4 else images[..., None]
    self._labels = labels
    self._ids = np.asarray(
      np.arange(len(images)) if ids is None else ids
    ).astype(str)
    for what, values in (("labels", self._labels), ("ids", self._ids)):
      if values is not None and values.shape != (len(images),):
        raise ValueError(
          f"{what} of {name} have the shape {values.shape}: expected "
          f"[{len(images)}], one for each image."
        )
    if labels is not None and not np.issubdtype(labels.dtype, np.integer):
      raise ValueError(
        f"labels of {name} are {labels.dtype}: expected integers."
      )
    if class_names is None:
      if labels is None:
        raise ValueError(f"{name} has no labels: expected class_names.")
      class_names = [str(i) for i in range(labels.max(initial=-1) + 1)]
    self.class_names: Sequence[str] = tuple(class_names)

  def __len__(self) -> int:
    return len(self._images)

  def get(self, index: int) -> Sample:
    """Returns the image at the index."""
    label = None if self._labels is None else int(self._labels[index])
    image = np.asarray(self._images[index])
    return Sample(str(self._ids[index]), image, label)
