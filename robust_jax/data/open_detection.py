"""Images with boxes by a path or the name of a dataset."""

import contextlib
import pathlib
import re
import zipfile
from collections.abc import Sequence

from robust_jax.data.raw_files import find_raw
from robust_jax.data.readers.detection.annotated_images import BoxReader
from robust_jax.data.readers.detection.coco_boxes import CocoBoxes
from robust_jax.data.readers.detection.letterboxed import Letterboxed
from robust_jax.data.readers.detection.npz_boxes import NpzBoxes
from robust_jax.data.readers.detection.tfds_boxes import TfdsBoxes
from robust_jax.data.readers.detection.voc_boxes import VocBoxes
from robust_jax.data.readers.detection.yolo_boxes import YoloBoxes
from robust_jax.data.tfds import find_builder

_TFDS = re.compile(r"tfds:(?P<name>.+)#(?P<split>.+)")
_PART = re.compile(r"(?P<file>.*?)(?:\[(?P<parts>[\w+-]+)\])?")


def open_detection(
  data: str,
  *,
  images: str | pathlib.Path | None = None,
  class_names: Sequence[str] | None = None,
  size: int | None = None,
) -> BoxReader:
  """Opens images with boxes of any format.

  Args:
    data: a path, which is looked up in the working directory and then in
      `$ROBUST_JAX_DATA/raw`, or a split of a TFDS dataset. The format is that
      of

      - "boxes.npz": `NpzBoxes`;
      - "annotations.json", or a folder with one json in it: `CocoBoxes`;
      - "data.yaml", or a folder with one in it: `YoloBoxes`;
      - a folder of xml files: `VocBoxes`;
      - "tfds:coco/2017#validation": `TfdsBoxes`.

      Where a file or folder has parts, some of them are named as in
      "boxes.npz[test]" or "boxes.npz[val+test]"; without, all are read.
    images: folder of the pictures of a json, if it is not found beside it.
    class_names: K names, in the order of the model's outputs; None for those of
      the data.
    size: side in pixels that all images are resized and padded to, see
      `Letterboxed`; None leaves them as they are.

  Raises:
    ValueError: there is no such file, its format is not recognized, it cannot
      be read, or an argument is not for it.
  """
  reader = _open(data, images, class_names)
  return reader if size is None else Letterboxed(reader, size)


def _open(data, images, class_names) -> BoxReader:
  if found := _TFDS.fullmatch(data):
    _refuse(data, images=images)
    return TfdsBoxes(found["name"], found["split"], class_names)
  if data.startswith("tfds:"):
    raise ValueError(
      f"'{data}': expected tfds:NAME#SPLIT, as in tfds:coco/2017#validation."
    )
  split = _PART.fullmatch(data)
  assert split is not None  # it matches any text
  path = _annotations(find_raw(split["file"]))
  parts = split["parts"].split("+") if split["parts"] else []
  if path.suffix == ".json":
    _refuse(data, parts=parts)
    return CocoBoxes(path, images, class_names)
  _refuse(data, images=images)
  if path.suffix == ".npz":
    return NpzBoxes(path, parts, class_names)
  if path.suffix in (".yaml", ".yml"):
    return YoloBoxes(path, parts, class_names)
  return VocBoxes(path, parts, class_names)


def has_boxes(data: str) -> bool:
  """Returns whether a path or TFDS dataset is one of images with boxes.

  Args:
    data: as in `open_detection`.
  """
  if found := _TFDS.fullmatch(data):
    with contextlib.suppress(ValueError):
      features = find_builder(found["name"], None).info.features
      return "objects" in (features or {})
    return False
  split = _PART.fullmatch(data)
  assert split is not None  # it matches any text
  try:
    path = _annotations(find_raw(split["file"]))
  except ValueError:
    return False
  if path.suffix == ".npz":
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as file:
      return "box_xyxy.npy" in file.namelist()
    return False
  return path.suffix != ".json" or '"annotations"' in path.read_text("utf-8")


def _annotations(path: pathlib.Path) -> pathlib.Path:
  """The file of annotations in a folder, or the folder if they are xml."""
  if path.is_file():
    if path.suffix not in (".npz", ".json", ".yaml", ".yml"):
      raise ValueError(
        f"{path}: expected boxes in an .npz, .json or .yaml, or a folder."
      )
    return path
  for pattern in ("data.yaml", "data.yml", "*.json", "annotations/*.json"):
    found = sorted(path.glob(pattern))
    if len(found) > 1:
      raise ValueError(
        f"{path} has {len(found)} files {pattern}: expected one of them, such "
        f"as {found[0]}."
      )
    if found:
      return found[0]
  for folder in (path, path / "Annotations"):
    if next(folder.glob("*.xml"), None):
      return path
  raise ValueError(
    f"{path} has no data.yaml, json or xml files in it: expected boxes of "
    "YOLO, COCO or Pascal VOC."
  )


def _refuse(data, **options):
  for name, value in options.items():
    if value:
      raise ValueError(
        f"'{data}' has no {name} to be named: expected none with this format."
      )
