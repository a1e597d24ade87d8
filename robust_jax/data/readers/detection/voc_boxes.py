"""Folders of Pascal VOC annotations as a reader."""

import pathlib
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.boxes import from_corner_and_size
from robust_jax.data.readers.detection.annotated_images import (
  AnnotatedImages,
  Entry,
)
from robust_jax.data.readers.detection.check_boxes import (
  refuse_another_form,
  refuse_fractions,
)
from robust_jax.data.readers.detection.files import (
  pair_with_pictures,
  read_lines,
)
from robust_jax.data.readers.read_picture import Picture, read_picture

FORM = "xmin, ymin, xmax, ymax in pixels"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


class VocBoxes(AnnotatedImages):
  """Pictures with an xml file of the same name each, as Pascal VOC has them.

  Coordinates are the first and the last pixel of an object, counted from 1, so
  that its left side is `xmin - 1` and its right one `xmax`. Objects that are
  `difficult` are ignored. Classes are all names of objects, in the order of the
  alphabet.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    parts: Sequence[str] = (),
    class_names: Sequence[str] | None = None,
  ):
    """Reads all annotations; pictures are read on access.

    Args:
      path: folder with the files in it, or the xml files in `Annotations` and
        the pictures in `JPEGImages`.
      parts: names of lists in `ImageSets/Main`, such as "val" or "test"; all
        files if empty.
      class_names: K names, in the order of the model's outputs; None for those
        of the objects.

    Raises:
      ValueError: there are no annotations, a list is missing, an annotation is
        malformed, or boxes are not corners.
    """
    path = pathlib.Path(path)
    is_devkit = (path / "Annotations").is_dir()
    files = sorted((path / "Annotations" if is_devkit else path).glob("*.xml"))
    if parts:
      names = {name for part in parts for name in _listed(path, part)}
      files = [file for file in files if file.stem in names]
    pictures = path / "JPEGImages"
    self._paired, left_out = pair_with_pictures(
      files, [pictures if pictures.is_dir() else path]
    )
    if not self._paired:
      raise ValueError(
        f"{path} has {len(files)} xml files{' in ' if parts else ''}"
        f"{'+'.join(parts)} and no picture of the same name: expected both."
      )
    self._annotations = [_read(file) for file, _ in self._paired]
    names = {one.name for found in self._annotations for one in found.objects}
    self._classes = {name: i for i, name in enumerate(sorted(names))}
    super().__init__(
      [picture.relative_to(path).as_posix() for _, picture in self._paired],
      list(self._classes),
      class_names,
      left_out,
    )
    self._check(path)

  def _check(self, path) -> None:
    """Refuses sizes instead of corners, if sizes of images are known."""
    boxes = np.array(
      [one.box for found in self._annotations for one in found.objects], float
    ).reshape(-1, 4)
    refuse_fractions(str(path), boxes)
    scale = np.array(
      [
        (found.size or (np.nan, np.nan))[::-1] * 2
        for found in self._annotations
        for _ in found.objects
      ]
    ).reshape(-1, 4)
    known = np.isfinite(scale).all(axis=1)
    corners = boxes[known] / scale[known]
    other = {"left, top, width, height": from_corner_and_size(corners)}
    refuse_another_form(str(path), FORM, corners, other)

  def _entry(self, index: int) -> Entry:
    found = self._annotations[index]
    return Entry(
      np.array([one.box for one in found.objects], float).reshape(-1, 4),
      np.array([self._classes[one.name] for one in found.objects], np.int64),
      np.array([one.difficult for one in found.objects], bool),
      found.size,
    )

  def _read(self, index: int, upright: bool = True) -> Picture:
    return read_picture(self._paired[index][1], upright=upright)


class _Object(NamedTuple):
  """An object: class, corners from 0, and whether it is difficult."""

  name: str
  box: tuple[float, float, float, float]
  difficult: bool


class _Annotation(NamedTuple):
  """An xml file: (H, W) of the image, if it is known, and its objects."""

  size: tuple[int, int] | None
  objects: list[_Object]


def _read(file: pathlib.Path) -> _Annotation:
  try:
    content = file.read_bytes()
    if b"<!ENTITY" in content:
      raise ValueError(f"{file} declares entities: expected plain xml.")
    tree = ET.fromstring(content)
  except OSError as error:
    raise ValueError(f"{file} cannot be read: {error}") from error
  except ET.ParseError as error:
    line = error.position[0]
    raise ValueError(f"{file}, line {line}: {error}: expected xml.") from error
  sides = [tree.findtext(f"size/{side}", "") for side in ("height", "width")]
  height, width = (int(n) if n.strip().isdecimal() else 0 for n in sides)
  size = (height, width) if height > 0 and width > 0 else None
  return _Annotation(size, [_object(one, file) for one in tree.iter("object")])


def _object(tree: ET.Element, file: pathlib.Path) -> _Object:
  name = tree.findtext("name", "").strip()
  texts = [tree.findtext(f"bndbox/{side}", "") for side in _SIDES]
  try:
    left, top, right, bottom = map(float, texts)
    difficult = bool(int(tree.findtext("difficult", "") or 0))
  except ValueError:
    name = ""
  if not name:
    found = ET.tostring(tree, "unicode")
    raise ValueError(
      f"{file}: an object is {' '.join(found.split())[:120]}: expected a name "
      f"and a bndbox with the numbers {', '.join(_SIDES)}."
    )
  return _Object(name, (left - 1, top - 1, right, bottom), difficult)


def _listed(path: pathlib.Path, part: str) -> list[str]:
  """Names of the files of a part; lines of one class have a second word."""
  file = path / "ImageSets" / "Main" / f"{part}.txt"
  return [line.split()[0] for line in read_lines(file) if line.strip()]
