"""Arrays of images and labels, as a dataset."""

from collections.abc import Sequence

import numpy as np

from robust_jax.data.readers.image_reader import Sample


class ArrayImages:
  """`images` uint8 `[N, H, W, C]` or `[N, H, W]`, in memory or mapped to it.

  Attributes:
    class_names: K names.
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
    """Looks at shapes; nothing is copied.

    Args:
      images: the images.
      labels: int `[N]`, where there are any.
      ids: N names; their places by default.
      class_names: K names, in the order of the model's outputs. None numbers
        the classes up to the largest label.
      name: what error messages call it.

    Raises:
      ValueError: other shapes or dtypes, or neither labels nor class names.
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
    if class_names is None and labels is None:
      raise ValueError(f"{name} has no labels: expected class_names.")
    if class_names is None:
      class_names = [str(i) for i in range(labels.max(initial=-1) + 1)]
    self.class_names = tuple(class_names)

  def __len__(self) -> int:
    return len(self._images)

  def get(self, index: int) -> Sample:
    """The index-th image."""
    label = None if self._labels is None else int(self._labels[index])
    image = np.asarray(self._images[index])
    return Sample(str(self._ids[index]), image, label)
