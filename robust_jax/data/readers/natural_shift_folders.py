"""Image readers of the published folders of natural shift datasets."""

import json
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from robust_jax.data.builders.cifar10_15k import Cifar10_15k
from robust_jax.data.readers.array_images import ArrayImages
from robust_jax.data.readers.image_folder import ImageFolder, class_folders
from robust_jax.data.readers.list_pictures import list_pictures
from robust_jax.data.readers.read_picture import read_picture
from robust_jax.data.readers.reader import Reader, Sample

NUMBERS = tuple(str(i) for i in range(1000))
"""Class names of ImageNet: the numbers 0 to 999."""

_DIGITS = NUMBERS[:10]
_VALIDATION = re.compile(r"ILSVRC2012_val_(\d+)")


def wordnet_folders(
  path: pathlib.Path, classes: Sequence[int] | None
) -> Reader:
  """One folder per class, named by WordNet id, with ImageNet's labels.

  ImageNet's classes are sorted by these ids, so the folders of a subset are in
  the order of its indices.

  Args:
    path: the folder.
    classes: indices of the subset; None for all 1000.

  Raises:
    ValueError: the numbers of folders and classes differ.
  """
  names = class_folders(path)
  indices = range(len(NUMBERS)) if classes is None else classes
  if len(names) != len(indices):
    raise ValueError(
      f"{path} has {len(names)} folders: expected {len(indices)}, one for "
      "each class, in the order of their WordNet ids."
    )
  return _Relabeled(ImageFolder(path, names), dict(enumerate(indices)))


def unlabeled_folders(path: pathlib.Path) -> Reader:
  """Folders of pictures for which no class of the model is correct."""
  return _Relabeled(ImageFolder(path), {})


def numbered_folders(path: pathlib.Path) -> Reader:
  """One folder per class, named by its index from 0 to 999."""
  return ImageFolder(path, NUMBERS)


class RealImages:
  """ImageNet-ReaL: validation images with sets of correct classes.

  Images without a class are left out, as in the paper.

  Attributes:
    class_names: names of the 1000 classes.
    label_sets: nonempty set of classes for each image; `Sample.label` is None.
  """

  def __init__(self, path: pathlib.Path):
    """Lists the images below `path` and reads its `real.json`.

    Raises:
      ValueError: there is no such file, or no image ILSVRC2012_val_... with
        labels.
    """
    self.class_names: Sequence[str] = NUMBERS
    try:
      sets = json.loads((path / "real.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
      raise ValueError(
        f"{path} has no real.json that can be read: expected the labels of "
        f"https://github.com/google-research/reassessed-imagenet. {error}"
      ) from error
    numbered = {
      int(match[1]): file
      for file in list_pictures(path)[0]
      if (match := _VALIDATION.match(file.stem))
    }
    # The first image is number 1.
    labeled = [n for n in sorted(numbered) if n <= len(sets) and sets[n - 1]]
    if not labeled:
      raise ValueError(
        f"{path} has no pictures named ILSVRC2012_val_00000001.JPEG and so on "
        f"among the {len(sets)} that real.json has labels for."
      )
    self._files = [numbered[n] for n in labeled]
    self.label_sets = tuple(frozenset(sets[n - 1]) for n in labeled)

  def __len__(self) -> int:
    return len(self._files)

  def get(self, index: int) -> Sample:
    """Returns the image at the index."""
    file = self._files[index]
    image, changed = read_picture(file)
    return Sample(file.name, image, None, changed)


def cifar10_c(path: pathlib.Path, part: str) -> Reader:
  """CIFAR-10-C: `<corruption>.npy` with five severities, and `labels.npy`.

  Args:
    path: the folder.
    part: corruption and severity, such as "fog_3".

  Raises:
    ValueError: the part is invalid, or files have other shapes.
  """
  corruption, _, severity = part.rpartition("_")
  if severity not in ("1", "2", "3", "4", "5"):
    raise ValueError(
      f"part = '{part}': expected a corruption and a severity, such as 'fog_3'."
    )
  images, labels = _npy(path, f"{corruption}.npy"), _npy(path, "labels.npy")
  count, left = divmod(len(images), 5)
  if left:
    raise ValueError(
      f"{path / corruption}.npy has {len(images)} images: expected a multiple "
      "of five, with equally many for each severity."
    )
  rows = slice((int(severity) - 1) * count, int(severity) * count)
  return ArrayImages(
    images[rows],
    labels[rows],
    class_names=Cifar10_15k.CLASS_NAMES,
    name=f"CIFAR-10-C, {part}",
  )


def cifar10_p(path: pathlib.Path, part: str) -> tuple[Reader, int]:
  """CIFAR-10-P: sequences `<perturbation>.npy` `[N, T, 32, 32, 3]`, unlabeled.

  Frames are consecutive, so predictions `[N T]`, reshaped to `[N, T]`, are the
  input of `flip_probability`.

  Returns:
    A reader of N T images, and T.

  Raises:
    ValueError: the file is missing or has another shape.
  """
  frames = _npy(path, f"{part}.npy")
  if frames.ndim != 5:
    raise ValueError(
      f"{path / part}.npy has the shape {frames.shape}: expected "
      "[N, T, 32, 32, 3], sequences of T frames."
    )
  videos, length = frames.shape[:2]
  ids = [
    f"{video}/{frame}" for video in range(videos) for frame in range(length)
  ]
  flat = frames.reshape(-1, *frames.shape[2:])
  images = ArrayImages(
    flat,
    ids=ids,
    class_names=Cifar10_15k.CLASS_NAMES,
    name=f"CIFAR-10-P, {part}",
  )
  return images, length


def cifar10_1(path: pathlib.Path, part: str) -> Reader:
  """CIFAR-10.1: `cifar10.1_<part>_data.npy` and its labels; "v4" or "v6"."""
  return ArrayImages(
    _npy(path, f"cifar10.1_{part}_data.npy"),
    _npy(path, f"cifar10.1_{part}_labels.npy"),
    class_names=Cifar10_15k.CLASS_NAMES,
    name=f"CIFAR-10.1 {part}",
  )


def mnist_c(path: pathlib.Path, part: str) -> Reader:
  """MNIST-C: `<part>/test_images.npy` and `<part>/test_labels.npy`."""
  return ArrayImages(
    _npy(path / part, "test_images.npy"),
    _npy(path / part, "test_labels.npy"),
    class_names=_DIGITS,
    name=f"MNIST-C, {part}",
  )


class _Relabeled:
  """A reader of ImageNet's classes with other labels."""

  def __init__(self, dataset: Reader, labels: dict[int, int]):
    self.class_names: Sequence[str] = NUMBERS
    self.left_out = getattr(dataset, "left_out", ())
    self._dataset, self._labels = dataset, labels

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    sample = self._dataset.get(index)
    label = sample.label
    label = None if label is None else self._labels.get(label)
    return sample._replace(label=label)


def _npy(folder: pathlib.Path, name: str) -> np.ndarray:
  """Opens an array that stays on disk until it is read."""
  try:
    return np.load(folder / name, mmap_mode="r", allow_pickle=False)
  except (OSError, EOFError, ValueError) as error:
    raise ValueError(
      f"{folder / name} cannot be read as .npy: {error}"
    ) from error
