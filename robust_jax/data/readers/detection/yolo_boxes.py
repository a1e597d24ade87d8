"""YOLO datasets as a reader: a data.yaml and a text for each picture."""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import yaml

from robust_jax.data.readers.detection.annotated_images import (
  AnnotatedImages,
  Entry,
)
from robust_jax.data.readers.detection.check_boxes import refuse_another_form
from robust_jax.data.readers.detection.files import (
  NO_PICTURE,
  read_lines,
  read_text,
)
from robust_jax.data.readers.list_pictures import list_pictures
from robust_jax.data.readers.read_picture import Picture, read_picture
from robust_jax.data.readers.reader import Problem

FORM = "center x, center y, width, height in fractions of the image"
POLYGON = "polygons, replaced by their boxes"
NO_FILE = "no file of boxes, taken as without objects"
_PARTS = ("train", "val", "test")


class YoloBoxes(AnnotatedImages):
  """Pictures of a YOLO dataset, each with a text that has a box on each line.

  A line is a class and the center, width and height of a box as fractions of
  the image, or a class and the corners of a polygon, which becomes its box. An
  empty text is an image without objects. The text of `images/a.jpg` is
  `labels/a.txt`, or else `a.txt` beside it.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    parts: Sequence[str] = (),
    class_names: Sequence[str] | None = None,
  ):
    """Reads all texts; pictures are read on access.

    Args:
      path: the data.yaml, with `names`, and folders of pictures or lists of
        them as `train`, `val` and `test`, relative to `path` in it or to its
        own folder.
      parts: some of "train", "val" and "test"; all of the file if empty.
      class_names: K names, in the order of the model's outputs; None for those
        of the file.

    Raises:
      ValueError: the file or a text cannot be read, a line is malformed or has
        an unknown class, a part is missing, or boxes are not centers and sizes
        in fractions.
    """
    path = pathlib.Path(path)
    config = _config(path)
    names = _names(config, path)
    known = [part for part in _PARTS if config.get(part)]
    unknown = [part for part in parts if part not in known]
    if unknown or not known:
      raise ValueError(
        f"{path} has no part '{''.join(unknown[:1])}': expected some of "
        f"{', '.join(known or _PARTS)}."
      )
    found = [
      file
      for part in parts or known
      for file in _pictures(config[part], _root(config, path), path)
    ]
    self._files = list(dict.fromkeys(found))
    if not self._files:
      raise ValueError(f"{path} has no pictures in {'+'.join(parts or known)}.")
    self._entries = [_entry(_boxes_of(f), len(names)) for f in self._files]
    super().__init__(
      [_id(file, path.parent) for file in self._files],
      names,
      class_names,
      list(_without_picture(self._files)),
    )
    self._check(path)

  def _check(self, path) -> None:
    corners = np.concatenate([one.boxes for one in self._entries])
    low, high = corners[:, :2], corners[:, 2:]
    stored = np.hstack([(low + high) / 2, high - low])
    corner, size = stored[:, :2], stored[:, 2:]
    others = {
      "left, top, right, bottom": stored,
      "left, top, width, height": np.hstack([corner, corner + size]),
      "pixels": corners / max(corners.max(initial=1), 1),
    }
    refuse_another_form(str(path), FORM, corners, others)

  def _entry(self, index: int) -> Entry:
    return self._entries[index]

  def _read(self, index: int, upright: bool = True) -> Picture:
    return read_picture(self._files[index], upright=upright)


def _config(path: pathlib.Path) -> dict[str, Any]:
  try:
    config = yaml.safe_load(read_text(path))
  except (yaml.YAMLError, RecursionError) as error:
    words = " ".join(str(error).split())
    raise ValueError(f"{path} is not YAML: {words}") from error
  if not isinstance(config, dict):
    raise ValueError(f"{path}: expected names: and train:, val: or test:.")
  return config


def _names(config: dict[str, Any], path: pathlib.Path) -> list[str]:
  names = config.get("names")
  if isinstance(names, dict):
    names = [names.get(i) for i in range(len(names))]
  count = config.get("nc", len(names or ()))
  if not isinstance(names, list) or not names or None in names:
    raise ValueError(
      f"{path}: names = {config.get('names')}: expected a list of names, or a "
      "name for each number from 0 on."
    )
  if len(names) != count:
    raise ValueError(f"{path}: nc = {count} for {len(names)} names.")
  return [str(name) for name in names]


def _root(config: dict[str, Any], path: pathlib.Path) -> pathlib.Path:
  root = path.parent / str(config.get("path") or "")
  return root if root.is_dir() else path.parent


def _pictures(
  value: Any, root: pathlib.Path, path: pathlib.Path
) -> list[pathlib.Path]:
  """The pictures of a folder, of a list of them in a text, or of several."""
  if isinstance(value, list):
    return [file for one in value for file in _pictures(one, root, path)]
  # Exports of Roboflow name ../train/images, which lies beside the file.
  names = [str(value), str(value).lstrip("./")]
  found = [root / name for name in names if (root / name).exists()]
  if not found:
    raise ValueError(
      f"{path} names {value}: no such folder or list in {root}: expected the "
      "pictures there."
    )
  if found[0].is_dir():
    return list_pictures(found[0])[0]
  return [
    found[0].parent / line.strip()
    for line in read_lines(found[0])
    if line.strip()
  ]


def _boxes_of(picture: pathlib.Path) -> pathlib.Path:
  """The text that belongs to a picture."""
  beside = picture.with_suffix(".txt")
  parts = list(beside.parts)
  if "images" not in parts:
    return beside
  last = len(parts) - 1 - parts[::-1].index("images")
  parts[last] = "labels"
  apart = pathlib.Path(*parts)
  return apart if apart.exists() or not beside.exists() else beside


def _without_picture(pictures: Sequence[pathlib.Path]) -> Iterator[Problem]:
  used = {_boxes_of(picture) for picture in pictures}
  for folder in sorted({file.parent for file in used}):
    for file in sorted(folder.glob("*.txt")):
      if folder.name == "labels" and file not in used:
        yield Problem(None, file.name, NO_PICTURE, str(file))


def _id(file: pathlib.Path, folder: pathlib.Path) -> str:
  inside = file.is_relative_to(folder)
  return (file.relative_to(folder) if inside else file).as_posix()


def _entry(file: pathlib.Path, num_classes: int) -> Entry:
  if not file.exists():
    nothing = np.zeros(0, np.int64)
    return Entry(np.zeros((0, 4)), nothing, nothing > 0, None, True, (NO_FILE,))
  boxes, classes, polygons = [], [], False
  for number, line in enumerate(read_lines(file), start=1):
    if line.strip():
      values = _values(line, num_classes, f"{file}, line {number}")
      classes.append(int(values[0]))
      polygons |= len(values) > 5
      boxes.append(_corners(values[1:]))
  return Entry(
    np.array(boxes, float).reshape(-1, 4),
    np.array(classes, np.int64),
    np.zeros(len(boxes), bool),
    fractions=True,
    changed=(POLYGON,) * polygons,
  )


def _values(line: str, num_classes: int, where: str) -> list[float]:
  """The numbers of a line."""
  try:
    values = [float(word) for word in line.split()]
  except ValueError:
    values = []
  is_box = len(values) == 5 or (len(values) > 6 and len(values) % 2)
  if not is_box or not np.isfinite(values).all():
    raise ValueError(
      f"{where}: {line.strip()[:60]!r}: expected a class and {FORM}, or a "
      "class and the x and y of three corners or more."
    )
  if values[0] not in range(num_classes):
    raise ValueError(
      f"{where}: class {values[0]:g}: expected 0..{num_classes - 1}."
    )
  return values


def _corners(numbers: list[float]) -> list[float]:
  if len(numbers) == 4:
    x, y, width, height = numbers
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
  across, down = numbers[0::2], numbers[1::2]
  return [min(across), min(down), max(across), max(down)]
