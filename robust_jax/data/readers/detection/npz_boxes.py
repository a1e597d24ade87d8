"""An `.npz` of pictures and boxes as a reader."""

import io
import pathlib
from collections.abc import Sequence

import numpy as np

from robust_jax.data.readers.detection.annotated_images import (
  AnnotatedImages,
  Entry,
)
from robust_jax.data.readers.detection.check_boxes import refuse_another_form
from robust_jax.data.readers.load_npz import load_npz
from robust_jax.data.readers.read_picture import Picture, read_picture

PARTS = ("train", "val", "test")
_DTYPES = {
  "blob": np.uint8,
  "offsets": np.integer,
  "names": np.character,
  "split": np.integer,
  "classes": np.character,
  "box_image": np.integer,
  "box_class": np.integer,
  "box_xyxy": np.floating,
}


class NpzBoxes(AnnotatedImages):
  """Encoded pictures and the boxes of their objects in an `.npz`.

  It contains the files of N pictures one behind the other as `blob` uint8 with
  `offsets` `[N + 1]`, their `names` and `split` `[N]` (0, 1 and 2 for train,
  val and test), the names of the `classes` `[K]`, and of each of n boxes
  `box_image` and `box_class` `[n]` and `box_xyxy` `[n, 4]`, its corners as
  fractions of width and height.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    parts: Sequence[str] = (),
    class_names: Sequence[str] | None = None,
  ):
    """Reads the file; pictures are decoded on access.

    Args:
      path: path of the `.npz`; pickled content is not read.
      parts: some of "train", "val" and "test"; all if empty.
      class_names: K names, in the order of the model's outputs; None for those
        of the file.

    Raises:
      ValueError: the file cannot be read, an array is missing or of another
        dtype or length, a part is unknown or has no pictures, or boxes are not
        corners as fractions.
    """
    self._arrays = load_npz(path)
    self._check(path)
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
      raise ValueError(
        f"{path} has no part '{unknown[0]}': expected some of "
        f"{', '.join(PARTS)}."
      )
    chosen = [PARTS.index(part) for part in parts or PARTS]
    self._rows = np.flatnonzero(np.isin(self._arrays["split"], chosen))
    if not len(self._rows):
      raise ValueError(f"{path} has no pictures in {'+'.join(parts)}.")
    names = self._arrays["names"].astype(str)
    super().__init__(
      names[self._rows].tolist(),
      self._arrays["classes"].astype(str).tolist(),
      class_names,
    )

  def _check(self, path) -> None:
    arrays = self._arrays
    for name, dtype in _DTYPES.items():
      found = arrays.get(name)
      if found is None or not np.issubdtype(found.dtype, dtype):
        what = "no such array" if found is None else found.dtype
        raise ValueError(
          f"{path}: {name}: {what}; see NpzBoxes for its arrays."
        )
    pictures, boxes = len(arrays["names"]), len(arrays["box_xyxy"])
    shapes = {
      "offsets": (pictures + 1,),
      "split": (pictures,),
      "box_image": (boxes,),
      "box_class": (boxes,),
      "box_xyxy": (boxes, 4),
    }
    limits = {
      "offsets": len(arrays["blob"]) + 1,
      "split": len(PARTS),
      "box_image": pictures,
      "box_class": len(arrays["classes"]),
    }
    for name, shape in shapes.items():
      if arrays[name].shape != shape:
        raise ValueError(
          f"{path}: {name} has the shape {arrays[name].shape}: expected "
          f"{shape}."
        )
    for name, limit in limits.items():
      least, most = arrays[name].min(initial=0), arrays[name].max(initial=0)
      if least < 0 or most >= limit:
        raise ValueError(
          f"{path}: {name} is from {least} to {most}: expected 0..{limit - 1}."
        )
    corners = arrays["box_xyxy"]
    left_top, other = corners[:, :2], corners[:, 2:]
    refuse_another_form(
      str(path),
      "left, top, right, bottom in fractions of the image",
      corners,
      {
        "left, top, width, height": np.hstack([left_top, left_top + other]),
        "pixels": corners / max(corners.max(initial=1), 1),
      },
    )

  def _entry(self, index: int) -> Entry:
    mine = self._arrays["box_image"] == self._rows[index]
    boxes = self._arrays["box_xyxy"][mine]
    classes = self._arrays["box_class"][mine].astype(np.int64)
    return Entry(boxes, classes, np.zeros(len(boxes), bool), fractions=True)

  def _read(self, index: int, upright: bool = True) -> Picture:
    row = self._rows[index]
    first, end = self._arrays["offsets"][row : row + 2]
    content = io.BytesIO(self._arrays["blob"][first:end].tobytes())
    return read_picture(content, upright=upright)
