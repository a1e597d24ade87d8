"""COCO files of annotations as a reader."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

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
  four_numbers,
  read_json,
  records,
)
from robust_jax.data.readers.read_picture import Picture, read_picture
from robust_jax.data.readers.reader import Problem

FORM = "left, top, width, height in pixels"
NO_IMAGE = "annotation of no image"


class CocoBoxes(AnnotatedImages):
  """The images of a COCO file, in its order, with the boxes of its annotations.

  Classes are the categories in the order of their ids, which need not be
  consecutive. Regions with `iscrowd` are ignored, segmentations are not read,
  and annotations of images that the file lacks are left out.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    images: str | pathlib.Path | None = None,
    class_names: Sequence[str] | None = None,
  ):
    """Reads the file; pictures are read on access.

    Args:
      path: path of the json.
      images: folder of the pictures; None to look for it beside the file: its
        own, `images`, or one named as the end of the file, such as `val2017` of
        `instances_val2017.json`.
      class_names: K names, in the order of the model's outputs; None for the
        categories.

    Raises:
      ValueError: the file is no COCO file, an id or name is repeated, an
        annotation is malformed or of an unknown category, or boxes are not of
        the form of COCO.
    """
    path = pathlib.Path(path)
    content = read_json(path)
    pictures = _by_id(content, "images", "file_name", path)
    categories = _by_id(content, "categories", "name", path)
    ids = sorted(categories)
    super().__init__(
      [picture["file_name"] for picture in pictures.values()],
      [categories[one]["name"] for one in ids],
      class_names,
    )
    self.image_ids = dict(zip(pictures, self.ids, strict=True))
    own = {one: categories[one]["name"] for one in ids}
    more = [name for name in self.class_names if name not in own.values()]
    self.category_ids = own | dict(enumerate(more, max(ids) + 1))
    self._sizes = [_size(picture) for picture in pictures.values()]
    self._folder = _folder(path, self.ids) if images is None else images
    known = {one: row for row, one in enumerate(pictures)}
    places = {one: place for place, one in enumerate(ids)}
    self._objects: list[list[_Object]] = [[] for _ in pictures]
    left_out = []
    for number, record in enumerate(records(content, "annotations", path)):
      where = f"{path}, annotation {record.get('id', number)}"
      found, image = _object(record, places, where), record.get("image_id")
      if isinstance(image, int) and image in known:
        self._objects[known[image]].append(found)
      else:
        message = f"its image_id is {image!r}."
        left_out.append(Problem(None, where, NO_IMAGE, message))
    self.left_out = tuple(left_out)
    self._check(path)

  def _check(self, path) -> None:
    """Refuses boxes of another form, if sizes of images are known."""
    stored, sizes = [], []
    for objects, size in zip(self._objects, self._sizes, strict=True):
      if size is not None:
        stored += [one.bbox for one in objects]
        sizes += [size[::-1] * 2] * len(objects)
    if stored:
      boxes, scale = np.array(stored, float), np.array(sizes, float)
      corners = from_corner_and_size(boxes)
      refuse_fractions(str(path), corners)
      other = {"left, top, right, bottom": boxes / scale}
      refuse_another_form(str(path), FORM, corners / scale, other)

  def _entry(self, index: int) -> Entry:
    objects = self._objects[index]
    boxes = np.array([one.bbox for one in objects], float).reshape(-1, 4)
    return Entry(
      from_corner_and_size(boxes),
      np.array([one.place for one in objects], np.int64),
      np.array([one.crowd for one in objects], bool),
      self._sizes[index],
    )

  def _read(self, index: int, upright: bool = True) -> Picture:
    return read_picture(
      pathlib.Path(self._folder, self.ids[index]), upright=upright
    )


class _Object(NamedTuple):
  """An annotation: box, index of the category, and whether it is a crowd."""

  bbox: list[float]
  place: int
  crowd: bool


def _object(record, places, where) -> _Object:
  category = record.get("category_id")
  if not isinstance(category, int) or category not in places:
    known = ", ".join(map(str, list(places)[:10]))
    raise ValueError(
      f"{where}: category_id = {category!r}: expected one of the file's "
      f"categories: {known}{', ...' if len(places) > 10 else ''}."
    )
  bbox = four_numbers(record.get("bbox"), f"{where}: bbox")
  return _Object(bbox, places[category], bool(record.get("iscrowd", 0)))


def _by_id(content, what, name, path) -> dict[Any, dict[str, Any]]:
  """The records of a kind by id, each of which has an id and a name."""
  found: dict[Any, dict[str, Any]] = {}
  for record in records(content, what, path):
    key = record.get("id")
    if not isinstance(key, int) or not isinstance(record.get(name), str):
      raise ValueError(
        f"{path}: one of its {what} is {str(record)[:80]}: expected a number "
        f"'id' and a string '{name}'."
      )
    if key in found:
      raise ValueError(
        f"{path}: two of its {what} have the id {key}: expected distinct ids."
      )
    found[key] = record
  if not found:
    raise ValueError(f"{path} has no {what}: expected one or more.")
  return found


def _size(picture) -> tuple[int, int] | None:
  size = picture.get("height"), picture.get("width")
  return size if all(isinstance(n, int) and n > 0 for n in size) else None


def _folder(path: pathlib.Path, names: Sequence[str]) -> pathlib.Path:
  """The folder that has the first of the pictures that is found."""
  here = path.parent
  end = path.stem.rpartition("_")[2]
  folders = [here, here / "images", here / end, here.parent]
  folders += [here.parent / "images", here.parent / end]
  for name in names:
    for folder in folders:
      if (folder / name).is_file():
        return folder
  return here
