"""CIFAR-10 with 15,000 training images, from raw files."""

import io
import pathlib
from itertools import pairwise

import numpy as np

from robust_jax.data.builders._common import Examples, InMemory, raw_file

_SIZES = {"train": 15_000, "test": 10_000}
_ARRAYS = {"train": "train_first15000.npz", "test": "test.npz"}
_BINARY = {
  "train": ("data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin"),
  "test": ("test_batch.bin",),
}
_WHERE = (
  "Put the binary version of CIFAR-10 there: the files of "
  "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz."
)
_SHAPE = (32, 32, 3)


class Cifar10_15k(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """The first 15,000 of CIFAR-10's training images and all 10,000 test images.

  They suffice to train a small network in minutes on a CPU; accuracies are not
  comparable with those of the whole dataset. `image` is uint8 `[32, 32, 3]`,
  `label` is 0..9 in the official order, airplane first.

  Raw files, in `$ROBUST_JAX_DATA/raw/cifar10`: either the official binary files
  data_batch_1.bin to data_batch_3.bin and test_batch.bin; or
  train_first15000.npz and test.npz with the arrays `blob` uint8 (image i as PNG
  or another format of Pillow is `blob[offsets[i] : offsets[i + 1]]`), `offsets`
  int and `y`, in the same order.

  Raises:
    ValueError: while preparing, a raw file is missing or has other content.

  Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
    Images", 2009.
  """

  IMAGE_SHAPE = _SHAPE
  DESCRIPTION = "A part of CIFAR-10: photographs of 32x32 pixels."
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
    """Returns both splits; keys are positions in the official order."""
    return {split: _examples(split) for split in _SIZES}


def _examples(split: str) -> Examples:
  patterns = (_ARRAYS[split], _BINARY[split][0])
  path = raw_file("cifar10", patterns, _WHERE)
  read = from_arrays if path.name == _ARRAYS[split] else from_binary
  images, labels = read(path, split)
  size = _SIZES[split]
  if len(images) < size or labels.max() > 9:
    raise ValueError(
      f"the raw {split} part of CIFAR-10 in {path.parent} has {len(images)} "
      f"images of labels up to {labels.max()}: expected {size} of 0..9. "
      f"{_WHERE}"
    )
  return Examples(np.arange(size), images[:size], labels[:size])


def from_binary(
  path: pathlib.Path, split: str
) -> tuple[np.ndarray, np.ndarray]:
  """Reads images uint8 `[N, 32, 32, 3]` and labels `[N]` of the binary files.

  A record is a label and the 32 x 32 values of red, green and blue.

  Args:
    path: the first file of the split.
    split: "train" or "test".

  Raises:
    ValueError: a file of the split is missing.
  """
  files = [path.parent / name for name in _BINARY[split]]
  missing = [file.name for file in files if not file.exists()]
  if missing:
    raise ValueError(f"{path.parent} has no {', '.join(missing)}. {_WHERE}")
  raw = np.concatenate([np.fromfile(file, np.uint8) for file in files])
  records = raw.reshape(-1, 1 + np.prod(_SHAPE))
  planes = records[:, 1:].reshape(-1, 3, 32, 32)
  return planes.transpose(0, 2, 3, 1), records[:, 0].astype(int)


def from_arrays(
  path: pathlib.Path, split: str
) -> tuple[np.ndarray, np.ndarray]:
  """Reads images and labels from an `.npz` of encoded images."""
  import PIL.Image

  del split
  with np.load(path, allow_pickle=False) as arrays:
    blob, offsets = arrays["blob"], arrays["offsets"]
    labels = arrays["y"].astype(int)
  images = np.empty((len(labels), *_SHAPE), np.uint8)
  for row, (start, end) in zip(images, pairwise(offsets), strict=True):
    with PIL.Image.open(io.BytesIO(blob[start:end].tobytes())) as picture:
      row[:] = np.asarray(picture.convert("RGB"))
  return images, labels
