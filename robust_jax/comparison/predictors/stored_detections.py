"""Detectors of which only detections are available, stored in COCO files."""

import collections
import functools
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.boxes import Detections, to_corner_and_size
from robust_jax.comparison.predictors.detector_predictor import (
  refuse_other_boxes,
)
from robust_jax.comparison.predictors.pack_detections import pack, unpack
from robust_jax.data.readers.detection.annotated_images import BoxReader
from robust_jax.data.readers.detection.coco_results import (
  read_coco_results,
  write_coco_results,
)

CLEAN = "clean"
_FORM = "left, top, width, height in pixels"
_OTHER = "left, top, right, bottom", to_corner_and_size


class StoredDetections:
  """Files of COCO results, one for each condition.

  A folder has `clean.json` for images as they are, and files such as
  `noise/gaussian_noise/3.json` for changed ones. A single file is of clean
  images alone. An image of which a file has no detections is one in which
  nothing was found.

  Attributes:
    conditions: names of the conditions.
    digest: hash of the files.
  """

  def __init__(self, path: str | pathlib.Path, data: BoxReader):
    """Lists the files; each is read on access.

    Args:
      path: a folder or a json.
      data: the images. A detection names its image by the number of
        `data.image_ids`, the id, the name of the file, or that without ending;
        and its class by the number of `data.category_ids`.

    Raises:
      ValueError: there are no such files.
    """
    path = pathlib.Path(path)
    self._files = {CLEAN: path}
    if path.is_dir():
      files = sorted(path.rglob("*.json"))
      name = lambda file: file.relative_to(path).with_suffix("").as_posix()
      self._files = {name(file): file for file in files}
    if CLEAN not in self._files or not self._files[CLEAN].is_file():
      raise ValueError(
        f"{path}: expected a json of COCO results, or a folder with "
        f"{CLEAN}.json in it."
      )
    self.conditions = tuple(self._files)
    digest = hashlib.sha256()
    for condition, file in self._files.items():
      digest.update(condition.encode() + file.read_bytes())
    self.digest = digest.hexdigest()
    self._class_names = tuple(data.class_names)
    self._images = _names_of_images(data)
    places = {name: place for place, name in enumerate(data.class_names)}
    self._places = {
      number: places[name] for number, name in data.category_ids.items()
    }
    self._read = functools.lru_cache(maxsize=1)(self._read_file)

  def get(
    self, condition: str, ids: Sequence[str], images: Sequence[np.ndarray]
  ) -> np.ndarray:
    """Returns the detections `[B, M, 6]` of some images; see `pack`.

    Args:
      condition: name of the condition.
      ids: ids of B images.
      images: the images `[H, W, C]`, of which only shapes are used.

    Raises:
      ValueError: the condition is unknown, its file cannot be read, is of no
        image of the data or of another class, or its boxes are plausible only
        as corners.
    """
    if condition not in self._files:
      raise ValueError(
        f"there are no detections under '{condition}': expected one of "
        f"{', '.join(self.conditions[:10])}"
        f"{', ...' if len(self.conditions) > 10 else ''}."
      )
    stored = self._read(condition).by_image
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    found = [stored.get(name, nothing) for name in ids]
    name, shapes = str(self._files[condition]), [x.shape for x in images]
    refuse_other_boxes(name, _FORM, found, shapes, _OTHER)
    return pack(found, len(self._class_names))

  def warn(self, images: Sequence[np.ndarray]) -> list[str]:
    """Returns a sentence on clean detections that are of no image of the data.

    Args:
      images: not used; see `ComparedModel.warn`.

    Raises:
      ValueError: as `get`.
    """
    del images
    others = self._read(CLEAN).others
    if not others:
      return []
    return [
      f"{len(others):,} of the images in its file are not among the data, such "
      f"as {others[0]!r}."
    ]

  def _read_file(self, condition: str) -> "_File":
    path = self._files[condition]
    results = read_coco_results(path)
    unknown = set(results.categories) - set(self._places)
    if unknown:
      raise ValueError(
        f"{path}: category_id = {min(unknown)}: expected one of "
        f"{', '.join(map(str, self._places))}, for "
        f"{', '.join(self._class_names)}."
      )
    rows: dict[str, list[int]] = collections.defaultdict(list)
    others = []
    for row, image in enumerate(results.images):
      if image in self._images:
        rows[self._images[image]].append(row)
      else:
        others.append(image)
    if others and not rows:
      known = list(self._images)[:1] + list(self._images)[-1:]
      raise ValueError(
        f"{path}: no detection is of an image of the data: image_id = "
        f"{others[0]!r}: expected such as {' or '.join(map(repr, known))}."
      )
    classes = np.array([self._places[c] for c in results.categories], int)
    return _File(
      {
        name: Detections(
          results.boxes[some], results.scores[some], classes[some]
        )
        for name, some in rows.items()
      },
      list(dict.fromkeys(others)),
    )


def write_detections(
  folder: pathlib.Path,
  condition: str,
  ids: Sequence[str],
  packed: np.ndarray,
  data: BoxReader,
) -> None:
  """Writes the file of a condition for `StoredDetections`, atomically.

  Args:
    folder: the folder, created if necessary.
    condition: name of the condition, such as "noise/gaussian_noise/3".
    ids: ids of B images.
    packed: their detections `[B, M, 6]`; see `pack`.
    data: the images.
  """
  path = folder / f"{condition}.json"
  path.parent.mkdir(parents=True, exist_ok=True)
  images = {name: number for number, name in data.image_ids.items()}
  classes = {name: number for number, name in data.category_ids.items()}
  write_coco_results(
    path,
    {
      images[name]: found
      for name, found in zip(ids, unpack(packed), strict=True)
    },
    [classes[name] for name in data.class_names],
  )


class _File(NamedTuple):
  """Detections of each image by its id, and images that the data lack."""

  by_image: dict[str, Detections]
  others: list[int | str]


def _names_of_images(data: BoxReader) -> Mapping[int | str, str]:
  """The ids of images by all that a file may call them."""
  found: dict[int | str, str] = dict(data.image_ids.items())
  paths = {name: pathlib.PurePosixPath(name) for name in data.ids}
  for short in (
    {name: path.stem for name, path in paths.items()},
    {name: path.name for name, path in paths.items()},
    {name: name for name in paths},
  ):
    counts = collections.Counter(short.values())
    found |= {word: name for name, word in short.items() if counts[word] == 1}
  return found
