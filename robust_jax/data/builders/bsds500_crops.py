"""Crops of the photographs of BSDS500, from raw files."""

import numpy as np

from robust_jax.data.builders._bsds500 import PHOTOGRAPHS, photographs
from robust_jax.data.builders._common import Examples, InMemory

_SIDE = 64
_SHRINK = 2


class Bsds500Crops(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """Six crops of 64x64 pixels of each photograph of BSDS500, at half its size.

  `image` is uint8 `[64, 64, 3]`: a photograph of 481x321 or 321x481 pixels is
  averaged over blocks of 2x2 and cut into a middle grid of 3x2 or 2x3 disjoint
  crops. `label` is the number of the photograph, from 0 to 499. The splits are
  those of BSDS500: 1,200 crops for training, 600 for validation and 1,200 for
  testing.

  Raw file, in `$ROBUST_JAX_DATA/raw/bsds500`: as for `MnistM`.

  Raises:
    ValueError: while preparing, the archive is missing or incomplete.

  Source: P. Arbelaez et al., "Contour Detection and Hierarchical Image
    Segmentation", 2011.
  """

  IMAGE_SHAPE = (_SIDE, _SIDE, 3)
  DESCRIPTION = "Crops of photographs of many scenes."
  HOMEPAGE = (
    "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
    "resources.html"
  )
  CLASS_NAMES = tuple(map(str, range(sum(PHOTOGRAPHS.values()))))

  def make_splits(self) -> dict[str, Examples]:
    """Returns all splits; keys number the crops of all photographs."""
    names = {"train": "train", "validation": "val", "test": "test"}
    splits, first = {}, 0
    for split, folder in names.items():
      crops = [cut_crops(photograph) for photograph in photographs([folder])]
      labels = first + np.repeat(np.arange(len(crops)), len(crops[0]))
      images = np.concatenate(crops)
      keys = np.arange(len(images)) + len(crops[0]) * first
      splits[split] = Examples(keys, images, labels)
      first += len(crops)
    return splits


def cut_crops(photograph: np.ndarray) -> np.ndarray:
  """Cuts a photograph, uint8 `[H, W, 3]`, into crops `[6, 64, 64, 3]`."""
  height, width = (side // _SHRINK for side in photograph.shape[:2])
  blocks = photograph[: height * _SHRINK, : width * _SHRINK].reshape(
    height, _SHRINK, width, _SHRINK, 3
  )
  small = np.rint(blocks.mean((1, 3))).astype(np.uint8)
  rows, columns = height // _SIDE, width // _SIDE
  top, left = (height - rows * _SIDE) // 2, (width - columns * _SIDE) // 2
  middle = small[top : top + rows * _SIDE, left : left + columns * _SIDE]
  cut = middle.reshape(rows, _SIDE, columns, _SIDE, 3).swapaxes(1, 2)
  return cut.reshape(-1, _SIDE, _SIDE, 3)
