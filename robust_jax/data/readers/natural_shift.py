"""Natural shift datasets by name."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

from robust_jax.data.readers import (
  imagenet_class_subsets,
)
from robust_jax.data.readers import (
  natural_shift_folders as folders,
)
from robust_jax.data.readers.reader import Reader
from robust_jax.data.readers.tfds_images import TfdsImages


class NaturalShift(NamedTuple):
  """A natural shift dataset and how predictions on it are evaluated.

  Attributes:
    dataset: image reader; labels are the model's classes, 0 to 999 of ImageNet.
    classes: classes among which to predict, as for `subset_accuracy`; None for
      all. On ImageNet-O no class is correct: its images are outliers, to be
      detected among ImageNet's images of these classes (`outlier_detection`).
    label_sets: for each image the set of correct classes, as for
      `multilabel_accuracy`; None where there is one label.
    frames: number of consecutive images that form a sequence; 1 if none do.
  """

  dataset: Reader
  classes: tuple[int, ...] | None = None
  label_sets: tuple[frozenset[int], ...] | None = None
  frames: int = 1


class _Kind(NamedTuple):
  """Sources of a natural shift dataset.

  `builder` is its name in TFDS with `{}` for the part, or None.
  """

  folder: Callable
  builder: str | None
  part: str | None = ""  # "": has no parts; None: must be given
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
  """Opens a natural shift dataset from its authors' folder or through TFDS.

  Args:
    name: one of `NAMES`.
    path: the unpacked folder; None for the dataset prepared by TFDS.
    part: required for cifar10_c ("fog_3", corruption and severity), cifar10_p
      (a perturbation) and mnist_c (a corruption); optional for cifar10_1 ("v4"
      instead of "v6") and, through TFDS, for the variants of imagenet_v2.
    data_dir: TFDS directory; see `data.load`.

  Returns:
    A `NaturalShift`.

  Raises:
    ValueError: the name is unknown, a part is missing or not expected, there is
      no folder or no TFDS builder, or files have unexpected content.
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
