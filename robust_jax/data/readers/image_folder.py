"""Pictures in one folder per class as an image reader."""

import dataclasses
import pathlib
from collections.abc import Sequence

from robust_jax.data.readers.list_pictures import is_hidden, list_pictures
from robust_jax.data.readers.read_picture import (
  Mode,
  is_gray,
  open_picture,
  read_picture,
)
from robust_jax.data.readers.reader import Problem, Sample

NO_CLASS = "no class"


class ImageFolder:
  """Pictures `<path>/<class>/.../<picture>`, read on access by `read_picture`.

  The id of a picture is its path below `path`. A folder without pictures is not
  a class. Folders whose names are all whole numbers are sorted as numbers:
  sorted as strings 10 precedes 2, a known mistake with ImageNetV2.

  Attributes:
    class_names: K names.
    files: the pictures, sorted by path.
    left_out: files and folders that are neither pictures nor classes.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    class_names: Sequence[str] | None = None,
    mode: Mode | None = "RGB",
  ):
    """Lists the pictures, and reads all headers if `mode` is None.

    Args:
      path: the folder.
      class_names: names of the model's classes, in the order of its outputs. A
        picture in a folder of another name has an unknown label. None for the
        names of the folders.
      mode: color mode of all images: "RGB", or "L" for gray. None is gray if
        all pictures are stored in gray.

    Raises:
      ValueError: there is no folder, no folder in it or no picture in those, a
        name is repeated, or the mode is unknown.
    """
    self._path = pathlib.Path(path)
    if mode not in ("RGB", "L", None):
      raise ValueError(f"mode = '{mode}': expected 'RGB' or 'L'.")
    folders = class_folders(self._path)
    if not folders:
      raise ValueError(f"{path} has no folders in it: expected one per class.")
    self.files: list[pathlib.Path] = []
    others: list[Problem] = []
    for folder in sorted(self._path.iterdir()):
      if folder.name not in folders:
        hidden = "hidden" if is_hidden(folder) else "not in a class folder"
        others.append(_no_class(folder, f"it is {hidden}."))
        continue
      files, inside = list_pictures(folder)
      if not files:
        others.append(_no_class(folder, "there are no pictures in it."))
      self.files += files
      others += [
        dataclasses.replace(p, id=f"{folder.name}/{p.id}") for p in inside
      ]
    self.left_out: tuple[Problem, ...] = tuple(others)
    if not self.files:
      raise ValueError(
        f"the {len(folders)} folders in {path} have no pictures in them."
      )
    used = {self._place(file).parts[0] for file in self.files}
    self.class_names: Sequence[str] = tuple(
      class_names or [name for name in folders if name in used]
    )
    self._labels = {name: i for i, name in enumerate(self.class_names)}
    if len(self._labels) < len(self.class_names):
      raise ValueError(f"class_names = {class_names}: expected each name once.")
    self._mode: Mode = mode or ("L" if _are_gray(self.files) else "RGB")

  def __len__(self) -> int:
    return len(self.files)

  def get(self, index: int) -> Sample:
    """Returns the picture at the index; its label is -1 in an unknown folder.

    Raises:
      ValueError: it cannot be read; the message contains its path.
    """
    place = self._place(self.files[index])
    try:
      image, changed = read_picture(self.files[index], self._mode)
    except Exception as error:  # Pillow raises many types for broken files
      raise ValueError(f"{place.as_posix()}: {error}{_hint(place)}") from error
    label = self._labels.get(place.parts[0], -1)
    return Sample(place.as_posix(), image, label, changed)

  def _place(self, file: pathlib.Path) -> pathlib.Path:
    return file.relative_to(self._path)


def class_folders(path: pathlib.Path) -> list[str]:
  """Returns the names of the folders in a folder, sorted, without hidden ones.

  Raises:
    ValueError: there is no such folder.
  """
  if not path.is_dir():
    raise ValueError(f"{path} is not a folder.")
  names = [p.name for p in path.iterdir() if p.is_dir() and not is_hidden(p)]
  return sorted(names, key=int if all(map(str.isdecimal, names)) else str)


def _no_class(path, message) -> Problem:
  return Problem(None, path.name, NO_CLASS, message)


def _are_gray(files) -> bool:
  """Returns whether all readable pictures are stored in gray."""
  found = set()
  for file in files:
    try:
      with open_picture(file) as picture:
        found.add(is_gray(picture))
    except Exception:  # reported when the picture is read
      continue
  return found == {True}


def _hint(place) -> str:
  if place.suffix.lower() not in (".heic", ".heif"):
    return ""
  return " (HEIC: convert it to PNG or JPEG, as Pillow does not read it)"
