"""Reader of annotated pictures that are stored as JPEG in one npz file."""

import dataclasses
import io
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np
import PIL.Image

from robust_jax.boxes import AnnotatedImage, Annotations
from robust_jax.data.readers.reader import Sample

_PART = re.compile(r"(?P<file>.*?)\[(?P<split>\w+)\]")
_SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class _Pictures:
  """A split of the file; pictures are decoded one by one."""

  arrays: dict[str, np.ndarray]
  rows: np.ndarray
  class_names: Sequence[str]

  def __len__(self) -> int:
    return len(self.rows)

  def get(self, index: int) -> Sample:
    """Returns the picture with its objects."""
    row, arrays = self.rows[index], self.arrays
    start, stop = arrays["offsets"][row : row + 2]
    with PIL.Image.open(
      io.BytesIO(arrays["blob"][start:stop].tobytes())
    ) as picture:
      image = np.asarray(picture.convert("RGB"))
    height, width = image.shape[:2]
    here = arrays["box_image"] == row
    size = np.array([width, height, width, height], np.float32)
    boxes = arrays["box_xyxy"][here] * size
    classes = arrays["box_class"][here].astype(np.int64)
    objects = Annotations(boxes, classes, np.zeros(len(boxes), bool))
    name = arrays["names"][row].decode()
    return Sample(name, AnnotatedImage(image, objects), None)


def read_annotated_npz(part: str) -> _Pictures:
  """Opens a split of a file, as in "hardhat/hardhat_320q85.npz[train]".

  A relative path is looked up in the working directory, and then in
  `$ROBUST_JAX_DATA/raw`.

  Raises:
    ValueError: there is no such file or split.
  """
  found = _PART.fullmatch(part)
  if not found or found["split"] not in _SPLITS:
    raise ValueError(
      f"'{part}': expected a file and one of its splits {', '.join(_SPLITS)}, "
      "as in 'file.npz[train]'."
    )
  with np.load(_located(found["file"]), allow_pickle=False) as file:
    arrays = {name: file[name] for name in file.files}
  rows = np.flatnonzero(arrays["split"] == _SPLITS.index(found["split"]))
  names = [name.decode() for name in arrays["classes"]]
  return _Pictures(arrays, rows, names)


def _located(name: str) -> pathlib.Path:
  path = pathlib.Path(name).expanduser()
  folder = os.environ.get("ROBUST_JAX_DATA")
  if path.exists() or path.is_absolute():
    return path
  if folder and (raw := pathlib.Path(folder, "raw", name)).exists():
    return raw
  where = f" or in {folder}/raw" if folder else ""
  raise ValueError(
    f"{name}: no such file in the working directory{where}. Give its path, or "
    "put it there; ROBUST_JAX_DATA names the folder of raw data."
  )
