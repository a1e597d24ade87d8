"""Test sets that other people collected, by name."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

from robust_jax.data.readers import (
  imagenet_class_subsets,
)
from robust_jax.data.readers import (
  natural_shift_folders as folders,
)
from robust_jax.data.readers.image_reader import ImageReader
from robust_jax.data.readers.tfds_images import TfdsImages


class NaturalShift(NamedTuple):
  """A test set, and how its answers are to be read.

  Attributes:
    dataset: labels are the model's classes, 0 to 999 of ImageNet.
    classes: which of the classes compete, as `statistics.subset_accuracy` takes
      them; None is all. On ImageNet-O none is right: it is told apart from
      ImageNet's images of these classes, by `statistics.outlier_detection`.
    label_sets: for each image the classes of which any is right, as
      `statistics.multilabel_accuracy` takes them, where there may be several.
    frames: images that are one sequence, one after the other; 1 if none are.
  """

  dataset: ImageReader
  classes: tuple[int, ...] | None = None
  label_sets: tuple[frozenset[int], ...] | None = None
  frames: int = 1


class _Kind(NamedTuple):
  """Where a test set is to be had.

  `builder` is the name for TFDS, `{}` in it the part, None where TFDS has none.
  """

  folder: Callable
  builder: str | None
  part: str | None = ""  # "" has no parts, None must be named
  classes: tuple[int, ...] | None = None
  split: str = "test"


_A, _R = imagenet_class_subsets.IMAGENET_A, imagenet_class_subsets.IMAGENET_R
_KINDS = {
  "imagenet_a": _Kind(
    lambda path: folders.wordnet_folders(path, _A),
    "imagenet_a",
    classes=_A,
  ),
  "imagenet_r": _Kind(
    lambda path: folders.wordnet_folders(path, _R),
    "imagenet_r",
    classes=_R,
  ),
  "imagenet_o": _Kind(
    folders.unlabeled_folders,
    None,
    classes=imagenet_class_subsets.IMAGENET_O,
  ),
  "imagenet_v2": _Kind(
    lambda path, part: folders.numbered_folders(path),
    "imagenet_v2/{}",
    part="matched-frequency",
  ),
  "imagenet_sketch": _Kind(
    lambda path: folders.wordnet_folders(path, None),
    "imagenet_sketch",
  ),
  "imagenet_real": _Kind(
    folders.RealImages, "imagenet2012_real", split="validation"
  ),
  "cifar10_c": _Kind(folders.cifar10_c, "cifar10_corrupted/{}", part=None),
  "cifar10_p": _Kind(folders.cifar10_p, None, part=None),
  "cifar10_1": _Kind(folders.cifar10_1, "cifar10_1/{}", part="v6"),
  "mnist_c": _Kind(folders.mnist_c, "mnist_corrupted/{}", part=None),
}
NAMES = tuple(_KINDS)


def natural_shift(
  name: str,
  path: str | pathlib.Path | None = None,
  *,
  part: str | None = None,
  data_dir: str | None = None,
) -> NaturalShift:
  """A natural shift set, from its authors' folder or through TFDS.

  Args:
    name: one of `NAMES`.
    path: the folder, unpacked; None reads what TFDS has prepared.
    part: "fog_3" of cifar10_c (corruption and severity), a perturbation of
      cifar10_p, a corruption of mnist_c, which must be named; "v4" instead of
      "v6" of cifar10_1, and a variant of imagenet_v2 through TFDS.
    data_dir: TFDS directory, as `data.load` takes it.

  Raises:
    ValueError: an unknown name, a part that is missing or not expected, no such
      folder, no builder in TFDS, or files that are not what they should be.
  """
  if name not in _KINDS:
    raise ValueError(
      f"natural shift '{name}': expected one of {', '.join(NAMES)}."
    )
  kind = _KINDS[name]
  part = part or kind.part
  if part is None:
    raise ValueError(f"'{name}' has many parts: name one as `part`.")
  if part and kind.part == "":
    raise ValueError(f"'{name}' has no parts, but part = '{part}'.")
  if path is not None:
    dataset = _from_folder(kind, pathlib.Path(path), part)
  else:
    dataset = _from_tfds(kind, name, part, data_dir)
  frames = 1
  if isinstance(dataset, tuple):
    dataset, frames = dataset
  sets = getattr(dataset, "label_sets", None)
  return NaturalShift(dataset, kind.classes, sets, frames)


def _from_folder(kind, path, part):
  if not path.is_dir():
    raise ValueError(f"{path} is not a folder.")
  return kind.folder(path, part) if part else kind.folder(path)


def _from_tfds(kind, name, part, data_dir):
  if kind.builder is None:
    raise ValueError(
      f"TFDS has no '{name}': give the folder of its authors as `path`."
    )
  return TfdsImages(kind.builder.format(part), kind.split, data_dir=data_dir)
