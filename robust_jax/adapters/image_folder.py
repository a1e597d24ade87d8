"""Pictures in one folder per class, as a data set."""

import pathlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from robust_jax.adapters.dataset import Sample

# Other files, such as notes and lists, are no pictures that cannot be read.
_ENDINGS = {
  ".bmp",
  ".gif",
  ".jpeg",
  ".jpg",
  ".pgm",
  ".png",
  ".ppm",
  ".tif",
  ".tiff",
  ".webp",
}


class ImageFolder:
  """`<path>/<class>/.../<picture>`, read when asked for.

  Pictures are turned as their EXIF data say, and lose what is transparent in
  them. Their ids are their paths below `path`.

  Folders whose names are all whole numbers are in the order of numbers: in that
  of letters 10 comes before 2, which is how labels of ImageNetV2 go wrong.

  Attributes:
    class_names: K names.
    files: the pictures, in the order of their paths.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    class_names: Sequence[str] | None = None,
    mode: Literal["RGB", "L"] = "RGB",
  ):
    """Lists the pictures.

    Args:
      path: the folder.
      class_names: of the model, in the order of its outputs; a picture in a
        folder of another name has a label that is unknown. None is the names of
        the folders.
      mode: what pictures are converted to: colour, or "L", grey.

    Raises:
      ValueError: no folder, no folders in it, no pictures in those, a name
        given twice or another mode.
    """
    self._path = pathlib.Path(path)
    if mode not in ("RGB", "L"):
      raise ValueError(f"mode = '{mode}': wanted 'RGB' or 'L'.")
    self._mode = mode
    if not self._path.is_dir():
      raise ValueError(f"{path} is not a folder.")
    folders = [p.name for p in self._path.iterdir() if p.is_dir()]
    if not folders:
      raise ValueError(f"{path} has no folders in it: wanted one per class.")
    self.class_names = tuple(
      class_names or sorted(folders, key=_order(folders))
    )
    self._labels = {name: i for i, name in enumerate(self.class_names)}
    if len(self._labels) < len(self.class_names):
      raise ValueError(f"class_names = {class_names}: wanted each name once.")
    self.files = sorted(
      file for folder in folders for file in pictures(self._path / folder)
    )
    if not self.files:
      raise ValueError(
        f"the {len(folders)} folders in {path} have no pictures in them: "
        f"wanted files that end in one of {', '.join(sorted(_ENDINGS))}."
      )

  def __len__(self) -> int:
    return len(self.files)

  def get(self, index: int) -> Sample:
    """The index-th picture; label -1 where its folder is not a class.

    Raises:
      ValueError: it cannot be read; its place is given.
    """
    place = self.files[index].relative_to(self._path)
    try:
      image = read_picture(self.files[index], self._mode)
    except Exception as error:  # whatever Pillow may raise on broken files
      raise ValueError(f"{place.as_posix()}: {error}") from error
    return Sample(place.as_posix(), image, self._labels.get(place.parts[0], -1))


def pictures(path: pathlib.Path) -> list[pathlib.Path]:
  """All pictures below a folder, in no particular order."""
  return [f for f in path.rglob("*") if f.suffix.lower() in _ENDINGS]


def read_picture(file: pathlib.Path, mode: str = "RGB") -> np.ndarray:
  """uint8 `[H, W, C]`, turned as its EXIF data say."""
  import PIL.Image
  import PIL.ImageOps

  with PIL.Image.open(file) as picture:
    upright = PIL.ImageOps.exif_transpose(picture).convert(mode)
  image = np.asarray(upright)
  return image[..., None] if image.ndim == 2 else image


def _order(names):
  return int if all(name.isdecimal() for name in names) else str
