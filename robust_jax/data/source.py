"""Labelled images that can be read in any order."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

# Records decoded at a time: all of them at once would hold the data set in
# memory three times, as records, as images and as the array wanted.
_CHUNK = 1024


@dataclasses.dataclass(frozen=True)
class Source:
  """A data set of 8-bit images, all of one shape, and their classes.

  Attributes:
    name: what error messages call it.
    image_shape: `(H, W, C)`.
    num_classes: `K`; labels lie in 0..K-1.
    num_examples: how many there are.
    read_pairs: `(list of indices) -> (image uint8 [H, W, C], label)` of each,
      in that order. It may be called from several threads at once.
  """

  name: str
  image_shape: tuple[int, int, int]
  num_classes: int
  num_examples: int
  read_pairs: Callable[[list[int]], Iterable[tuple[np.ndarray, int]]]

  def __len__(self) -> int:
    return self.num_examples

  def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
    """`indices [B]` -> `{"x": uint8 [B, H, W, C], "y": int32 [B]}`.

    Raises:
      ValueError: an image is not uint8 of `image_shape`, or a label is not an
        integer in 0..K-1.
    """
    x = np.empty((len(indices), *self.image_shape), np.uint8)
    y = np.empty(len(indices), np.int32)
    for start in range(0, len(indices), _CHUNK):
      chunk = np.asarray(indices[start : start + _CHUNK]).tolist()
      for row, (image, label) in enumerate(self.read_pairs(chunk), start):
        self._check_image(image, indices[row])
        self._check_label(label, indices[row])
        x[row], y[row] = image, label
    return {"x": x, "y": y}

  def _check_image(self, image, index):
    if image.shape != self.image_shape or image.dtype != np.uint8:
      raise ValueError(
        f"image {index} of '{self.name}' is {image.dtype} {image.shape}: "
        f"wanted uint8 {self.image_shape}. Prepare the data set anew with "
        "8-bit images of one size."
      )

  def _check_label(self, label, index):
    if not np.issubdtype(np.asarray(label).dtype, np.integer):
      raise ValueError(
        f"label {index} of '{self.name}' is {label!r}: wanted an integer."
      )
    if not 0 <= label < self.num_classes:
      raise ValueError(
        f"label {index} of '{self.name}' is {label}: wanted "
        f"0..{self.num_classes - 1}. A split whose labels are kept secret "
        "(often -1) can be neither trained on nor evaluated."
      )
