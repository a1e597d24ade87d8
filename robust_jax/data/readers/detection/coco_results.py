"""COCO files of detections, in the form of its results."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.boxes import (
  Detections,
  from_corner_and_size,
  to_corner_and_size,
)
from robust_jax.data.readers.detection.files import (
  four_numbers,
  is_number,
  read_json,
)
from robust_jax.files import atomic_write


class CocoResults(NamedTuple):
  """The n detections of a file.

  Attributes:
    images: the image of each, a number or name.
    categories: the number of the category of each.
    boxes: float64 `[n, 4]`, (left, top, right, bottom) in pixels.
    scores: float64 `[n]`.
  """

  images: list[int | str]
  categories: list[int]
  boxes: np.ndarray
  scores: np.ndarray


def read_coco_results(path: str | pathlib.Path) -> CocoResults:
  """Reads detections, a JSON list of objects.

  Each has `image_id`, `category_id`, `bbox` (left, top, width and height in
  pixels) and `score`.

  Raises:
    ValueError: the file cannot be read, or a detection is malformed; the
      message has its number, counted from 1.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.data.readers.detection import coco_results
    >>> path = pathlib.Path(tempfile.mkdtemp(), "clean.json")
    >>> _ = path.write_text(
    ...   '[{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], '
    ...   '"score": 0.9}]'
    ... )
    >>> coco_results.read_coco_results(path).boxes.tolist()
    [[1.0, 2.0, 4.0, 6.0]]
  """
  path = pathlib.Path(path)
  content = read_json(path)
  if not isinstance(content, list):
    raise ValueError(f"{path}: expected a list of detections, as of COCO.")
  boxes = []
  for number, one in enumerate(content, 1):
    where = f"{path}, detection {number}"
    if not isinstance(one, dict):
      raise ValueError(f"{where}: {str(one)[:40]}: expected an object.")
    boxes.append(four_numbers(one.get("bbox"), f"{where}: bbox"))
    for name, is_valid, words in (
      ("image_id", _is_name, "a number or a name"),
      ("category_id", _is_whole, "a whole number"),
      ("score", is_number, "a number"),
    ):
      if not is_valid(one.get(name)):
        raise ValueError(
          f"{where}: {name} = {one.get(name)!r}: expected {words}."
        )
  return CocoResults(
    [one["image_id"] for one in content],
    [one["category_id"] for one in content],
    from_corner_and_size(np.array(boxes, float).reshape(-1, 4)),
    np.array([one["score"] for one in content], float),
  )


def write_coco_results(
  path: pathlib.Path,
  detections: Mapping[int, Detections],
  category_ids: Sequence[int],
) -> None:
  """Writes detections as COCO results, atomically.

  Numbers are written in full, so that reading the file gives equal boxes.

  Args:
    path: path of the file.
    detections: detections by the number of the image.
    category_ids: number of each class.
  """
  content = [
    {
      "image_id": number,
      "category_id": category_ids[place],
      "bbox": to_corner_and_size(box.astype(np.float64)).tolist(),
      "score": float(score),
    }
    for number, found in detections.items()
    for box, score, place in zip(*found, strict=True)
  ]
  with atomic_write(path) as new:
    new.write_text(json.dumps(content), encoding="utf-8")


def _is_name(value) -> bool:
  return isinstance(value, str) or _is_whole(value)


def _is_whole(value) -> bool:
  return isinstance(value, int) and not isinstance(value, bool)
