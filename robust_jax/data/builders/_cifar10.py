"""CIFAR-10 and parts of it, read from raw files."""

import io
import pathlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from robust_jax.data.builders._common import Examples, InMemory, raw_file

_WHERE = (
  "Put the binary version of CIFAR-10 there: the files of "
  "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz."
)
_SHAPE = (32, 32, 3)


class Part(NamedTuple):
  """The raw files of one split, in either form.

  Attributes:
    size: how many images the split has, the first ones in the files.
    arrays: `.npz` files of encoded images.
    binary: official binary files.
  """

  size: int
  arrays: Sequence[str]
  binary: Sequence[str]


TEST = Part(10_000, ["test.npz"], ["test_batch.bin"])


class Cifar10Files(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """Images uint8 `[32, 32, 3]` and labels 0..9, in the official order.

  Raw files lie in `$ROBUST_JAX_DATA/raw/cifar10`: the official binary files, or
  `.npz` files with the arrays `blob` uint8 (image i as PNG or another format of
  Pillow's is `blob[offsets[i] : offsets[i + 1]]`), `offsets` int and `y`, in
  the same order.

  Attributes:
    PARTS: the files of each split.

  Raises:
    ValueError: in preparing: a raw file is missing or not what it should be.

  Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
  Images", 2009.
  """

  PARTS: Mapping[str, Part]
  IMAGE_SHAPE = _SHAPE
  HOMEPAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
  CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
  )

  def make_splits(self) -> dict[str, Examples]:
    """Every split; the keys are positions in the official order."""
    return {split: _examples(split, part) for split, part in self.PARTS.items()}


def _examples(split: str, part: Part) -> Examples:
  path = raw_file("cifar10", (part.arrays[0], part.binary[0]), _WHERE)
  if path.name == part.arrays[0]:
    images, labels = from_arrays(path.parent, part.arrays)
  else:
    images, labels = from_binary(path.parent, part.binary)
  if len(images) < part.size or labels.max() > 9:
    raise ValueError(
      f"the raw {split} part of CIFAR-10 in {path.parent} has {len(images)} "
      f"images of labels up to {labels.max()}: expected {part.size} of 0..9. "
      f"{_WHERE}"
    )
  rows = slice(part.size)
  return Examples(np.arange(part.size), images[rows], labels[rows])


def from_binary(
  folder: pathlib.Path, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
  """Images uint8 `[N, 32, 32, 3]` and labels `[N]` of official binary files.

  Records of a label and 32 x 32 values of red, of green and of blue.
  """
  raw = np.concatenate(
    [np.fromfile(file, np.uint8) for file in _files(folder, names)]
  )
  records = raw.reshape(-1, 1 + np.prod(_SHAPE))
  planes = records[:, 1:].reshape(-1, 3, 32, 32)
  return planes.transpose(0, 2, 3, 1), records[:, 0].astype(int)


def from_arrays(
  folder: pathlib.Path, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
  """Images and labels of `.npz` files of encoded images."""
  parts = [_decoded(file) for file in _files(folder, names)]
  images, labels = zip(*parts, strict=True)
  return np.concatenate(images), np.concatenate(labels)


def _decoded(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
  import PIL.Image

  with np.load(path, allow_pickle=False) as arrays:
    blob, offsets = arrays["blob"], arrays["offsets"]
    labels = arrays["y"].astype(int)
  images = np.empty((len(labels), *_SHAPE), np.uint8)
  for row, (start, end) in zip(images, pairwise(offsets), strict=True):
    with PIL.Image.open(io.BytesIO(blob[start:end].tobytes())) as picture:
      row[:] = np.asarray(picture.convert("RGB"))
  return images, labels


def _files(folder: pathlib.Path, names: Sequence[str]) -> list[pathlib.Path]:
  missing = [name for name in names if not (folder / name).exists()]
  if missing:
    raise ValueError(f"{folder} lacks {', '.join(missing)}. {_WHERE}")
  return [folder / name for name in names]
