"""MNIST-M: MNIST digits blended with photographs, made from raw files."""

import hashlib

import numpy as np
import tensorflow_datasets as tfds

from robust_jax.data.builders._blend import blend
from robust_jax.data.builders._bsds500 import WHERE, archive, photographs
from robust_jax.data.builders._common import Examples, InMemory
from robust_jax.data.load import load
from robust_jax.data.tfds import find_builder, is_prepared

_MNIST = "mnist:3.0.1"
# Folders of the archive; test digits use photographs that training does not.
_PHOTOGRAPHS = {"train": ("train", "val"), "test": ("test",)}


class MnistM(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """MNIST blended with random crops of the photographs of BSDS500.

  `image` is uint8 `[28, 28, 3]`: in each channel, the absolute difference
  between the binarized digit (values other than 0 become 255) and a crop of a
  photograph; `label` is 0..9. Training digits (60,000) use the 300 photographs
  for training and validation, test digits (10,000) the 200 for testing.
  Photograph and crop are drawn from the position of the digit in MNIST 3.0.1 of
  TFDS (`blend`).

  Raw file, in `$ROBUST_JAX_DATA/raw/bsds500`: a tar archive, compressed or not,
  with JPEG files in `.../images/{train,val,test}/`. MNIST must be prepared.

  Attributes:
    SHA256: hash of the images and then the labels (bytes) of train and then of
      test, in the order of MNIST. Preparing refuses any other result.

  Raises:
    ValueError: while preparing, MNIST is not prepared, the archive is missing,
      or the result differs from the known one.

  Source: Ganin et al., "Domain-Adversarial Training of Neural Networks", 2016,
    section 5.2.4; P. Arbelaez et al., "Contour Detection and Hierarchical Image
    Segmentation", 2011.
  Deviation: the authors' files (59,001 and 9,001 images) are no longer
    available and were drawn without a known seed, so crops differ. The paper
    does not say that digits are binarized, but the mean of the authors' files
    does (0.464, 0.468, 0.420 as is often quoted; here 0.461, 0.465, 0.420, and
    0.433, 0.437, 0.384 with gray digits).
  """

  IMAGE_SHAPE = (28, 28, 3)
  DESCRIPTION = "MNIST's digits blended with pieces of photographs."
  HOMEPAGE = "https://jmlr.org/papers/v17/15-239.html"
  VERSION = tfds.core.Version("2.1.0")  # 1.0.0 had gray digits
  SHA256 = "316837a0e3f6e7675a2f3fffc499eb34e7d301f9f9a211e8036209ed8c5ccf44"

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in MNIST."""
    archive()  # refused before MNIST is read
    digits = {split: self._mnist(split) for split in _PHOTOGRAPHS}
    splits = {}
    for seed, (split, (x, y)) in enumerate(digits.items()):
      black_and_white = np.where(x > 0, np.uint8(255), np.uint8(0))
      images = blend(black_and_white, photographs(_PHOTOGRAPHS[split]), seed)
      splits[split] = Examples(np.arange(len(y)), images, y)
    _check(splits)
    return splits

  def _mnist(self, split):
    beside = str(self.data_path.parents[1])
    here = is_prepared(find_builder(_MNIST, beside))
    dataset = load(_MNIST, split, beside if here else None)
    examples = dataset.read(np.arange(len(dataset)))
    return examples["x"], examples["y"].astype(np.uint8)


def _check(splits):
  digest = hashlib.sha256()
  for split in _PHOTOGRAPHS:
    digest.update(splits[split].images.tobytes())
    digest.update(splits[split].labels.tobytes())
  if digest.hexdigest() != MnistM.SHA256:
    raise ValueError(
      f"the sha256 of MNIST-M as made here is {digest.hexdigest()}, expected "
      f"{MnistM.SHA256}: other photographs, another MNIST or another decoder "
      f"of JPEG (pillow, as in requirements.txt). {WHERE}"
    )
