"""Arrays of images and labels in one file, as a data set."""

import pathlib
from collections.abc import Sequence

import numpy as np

from robust_jax.adapters.dataset import Sample
from robust_jax.adapters.load_npz import load_npz


class NpzImages:
  """`images` uint8 `[N, H, W, C]` or `[N, H, W]`, `labels` int `[N]`, `ids`.

  Labels and ids may be missing; ids are then the places in the file. It may
  hold `class_names` `[K]` too.

  Attributes:
    class_names: K names.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    class_names: Sequence[str] | None = None,
  ):
    """Reads the file.

    Args:
      path: of the `.npz`; nothing pickled in it is read.
      class_names: K names, in the order of the model's outputs. None is
        those in the file, or else numbers up to the largest label.

    Raises:
      ValueError: no such file or one that cannot be read, no `images`, other
        shapes or dtypes, or neither labels nor class names.
    """
    arrays = load_npz(path)
    if "images" not in arrays:
      raise ValueError(f"{path} has {list(arrays)}: wanted 'images' in it.")
    images = arrays["images"]
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
      raise ValueError(
        f"images of {path} are {images.dtype} of shape {images.shape}: wanted "
        "uint8 [N, H, W, C] or [N, H, W]."
      )
    self._images = images if images.ndim == 4 else images[..., None]
    self._labels = arrays.get("labels")
    self._ids = arrays.get("ids", np.arange(len(images))).astype(str)
    for name, values in (("labels", self._labels), ("ids", self._ids)):
      if values is not None and values.shape != (len(images),):
        raise ValueError(
          f"{name} of {path} have the shape {values.shape}: wanted "
          f"[{len(images)}], one for each image."
        )
    if self._labels is not None and not np.issubdtype(
      self._labels.dtype, np.integer
    ):
      raise ValueError(
        f"labels of {path} are {self._labels.dtype}: wanted integers."
      )
    if class_names is None and "class_names" in arrays:
      class_names = arrays["class_names"].astype(str).tolist()
    if class_names is None and self._labels is None:
      raise ValueError(f"{path} has no labels: wanted class_names.")
    if class_names is None:
      class_names = [str(i) for i in range(self._labels.max(initial=-1) + 1)]
    self.class_names = tuple(class_names)

  def __len__(self) -> int:
    return len(self._images)

  def get(self, index: int) -> Sample:
    """The index-th image."""
    label = None if self._labels is None else int(self._labels[index])
    return Sample(str(self._ids[index]), self._images[index], label)
