"""An `.npz` of images and labels as an image reader."""

import pathlib
from collections.abc import Sequence
from typing import cast

from robust_jax.data.readers.array_images import ArrayImages
from robust_jax.data.readers.load_npz import load_npz


class NpzImages(ArrayImages):
  """Images, labels and ids in an `.npz`.

  It contains `images` uint8 `[N, H, W, C]` or `[N, H, W]`, `labels` int `[N]`
  and `ids` `[N]`.

  Labels and ids are optional; ids are then the indices. The file may also
  contain `class_names` `[K]`.

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
      path: path of the `.npz`; pickled content is not read.
      class_names: K names, in the order of the model's outputs. None for those
        in the file, or else the numbers up to the largest label.

    Raises:
      ValueError: the file cannot be read, has no `images` or other shapes or
        dtypes, or there are neither labels nor class names.
    """
    arrays = load_npz(path)
    if "images" not in arrays:
      raise ValueError(f"{path} has {list(arrays)}: expected 'images' in it.")
    if class_names is None and "class_names" in arrays:
      class_names = arrays["class_names"].astype(str).tolist()
    super().__init__(
      arrays["images"],
      arrays.get("labels"),
      ids=cast(Sequence[str] | None, arrays.get("ids")),
      class_names=class_names,
      name=str(path),
    )
