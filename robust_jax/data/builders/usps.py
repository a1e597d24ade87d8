"""USPS digits, from raw files."""

import numpy as np

from robust_jax.data.builders._common import Examples, InMemory, raw_file

_WHERE = (
  "USPS is the dataset 'ZIP code' of The Elements of Statistical Learning: "
  "put zip.train.gz and zip.test.gz from "
  "https://hastie.su.domains/ElemStatLearn/data.html there."
)
_ARRAYS = "usps_16x16_milli.npz"
_SIZES = {"train": 7291, "test": 2007}


class Usps(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """The 9298 digits scanned by the US Postal Service, 7291 for training.

  `image` is uint8 `[16, 16, 1]`, ink 255 on paper 0 as in MNIST: the raw values
  in [-1, 1] are scaled to 0..255 and rounded, halves to even. `label` is 0..9.

  Raw files, in `$ROBUST_JAX_DATA/raw/usps`: either zip.train.gz and
  zip.test.gz, where each line has the label and 256 values; or
  usps_16x16_milli.npz with the arrays `x_train_milli` int16 `[7291, 16, 16]`
  (the values in thousandths), `y_train`, `x_test_milli` and `y_test`.

  Raises:
    ValueError: while preparing, a raw file is missing or has other content.

  Source: Y. LeCun et al., "Handwritten Digit Recognition with a
    Back-Propagation Network", 1990; T. Hastie, R. Tibshirani and J. Friedman,
    "The Elements of Statistical Learning", section 11.7.
  """

  IMAGE_SHAPE = (16, 16, 1)
  DESCRIPTION = "Handwritten digits of 16x16 pixels, from envelopes."
  HOMEPAGE = "https://hastie.su.domains/ElemStatLearn/data.html"

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in the raw files."""
    return {
      split: _examples(split, _read(split), size)
      for split, size in _SIZES.items()
    }


def _read(split):
  """Returns values in [-1, 1], `[N, 16, 16]`, and labels."""
  path = raw_file("usps", (f"zip.{split}.gz", _ARRAYS), _WHERE)
  if path.name == _ARRAYS:
    arrays = np.load(path, allow_pickle=False)
    return arrays[f"x_{split}_milli"] / 1000, arrays[f"y_{split}"]
  lines = np.loadtxt(path, ndmin=2)
  return lines[:, 1:].reshape(-1, 16, 16), lines[:, 0].astype(int)


def _examples(split, raw, size):
  values, labels = raw
  low, high = values.min(), values.max()
  if len(values) != size or (low, high) != (-1, 1):
    raise ValueError(
      f"the raw {split} part of USPS has {len(values)} images of values in "
      f"[{low:g}, {high:g}]: expected {size} in [-1, 1]. {_WHERE}"
    )
  images = np.rint((values + 1) * 127.5).astype(np.uint8)[..., None]
  return Examples(np.arange(size), images, labels)
