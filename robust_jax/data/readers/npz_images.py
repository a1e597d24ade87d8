"""Arrays of images and labels in one file, as a dataset."""

import pathlib
from collections.abc import Sequence

from robust_jax.data.readers.array_images import ArrayImages
from robust_jax.data.readers.load_npz import load_npz


class NpzImages(ArrayImages):
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
      raise ValueError(f"{path} has {list(arrays)}: expected 'images' in it.")
    if class_names is None and "class_names" in arrays:
      class_names = arrays["class_names"].astype(str).tolist()
    super().__init__(
      arrays["images"],
      arrays.get("labels"),
      ids=arrays.get("ids"),
      class_names=class_names,
      name=str(path),
    )
