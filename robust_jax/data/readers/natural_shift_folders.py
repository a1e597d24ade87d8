"""The folders that the authors of natural shift sets publish, as datasets."""

import json
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from robust_jax.data.builders.cifar10_15k import Cifar10_15k
from robust_jax.data.readers.array_images import ArrayImages
from robust_jax.data.readers.image_folder import ImageFolder, class_folders
from robust_jax.data.readers.image_reader import ImageReader, Sample
from robust_jax.data.readers.list_pictures import list_pictures
from robust_jax.data.readers.read_picture import read_picture

NUMBERS = tuple(str(i) for i in range(1000))
"""Names of ImageNet's classes."""

_DIGITS = NUMBERS[:10]
_VALIDATION = re.compile(r"ILSVRC2012_val_(\d+)")


def wordnet_folders(
  path: pathlib.Path, classes: Sequence[int] | None
) -> ImageReader:
  """One folder per class, named by its WordNet id; labels are ImageNet's.

  Classes of ImageNet are in the order of these ids, so that of the folders of a
  subset is that of its indices.

  Args:
    path: the folder.
    classes: indices of the subset; None is all 1000.

  Raises:
    ValueError: another number of folders than of classes.
  """
  names = class_folders(path)
  indices = range(len(NUMBERS)) if classes is None else classes
  if len(names) != len(indices):
    raise ValueError(
      f"{path} has {len(names)} folders: expected {len(indices)}, one for each "
      "class, or it is not known which is which."
    )
  return _Relabeled(ImageFolder(path, names), dict(enumerate(indices)))


def unlabeled_folders(path: pathlib.Path) -> ImageReader:
  """Folders of pictures of which no class of the model's is right."""
  return _Relabeled(ImageFolder(path), {})


def numbered_folders(path: pathlib.Path) -> ImageReader:
  """One folder per class, named by its index from 0 to 999."""
  return ImageFolder(path, NUMBERS)


class RealImages:
  """ImageNet's validation images, and the classes of which any is right.

  Images that the annotators found no class for are left out, as the paper does.

  Attributes:
    class_names: of 1000 classes.
    label_sets: for each image, which is not empty; `Sample.label` is None.
  """

  def __init__(self, path: pathlib.Path):
    """Lists the images below `path` and reads `real.json` in it.

    Raises:
      ValueError: no such file, or no images named ILSVRC2012_val_... that it
        has labels for.
    """
    self.class_names = NUMBERS
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
    kept = [n for n in sorted(numbered) if n <= len(sets) and sets[n - 1]]
    if not kept:
      raise ValueError(
        f"{path} has no pictures named ILSVRC2012_val_00000001.JPEG and so on "
        f"among the {len(sets)} that real.json has labels for."
      )
    self._files = [numbered[n] for n in kept]
    self.label_sets = tuple(frozenset(sets[n - 1]) for n in kept)

  def __len__(self) -> int:
    return len(self._files)

  def get(self, index: int) -> Sample:
    """The index-th image."""
    file = self._files[index]
    image, changed = read_picture(file)
    return Sample(file.name, image, None, changed)


def cifar10_c(path: pathlib.Path, part: str) -> ImageReader:
  """`<corruption>.npy` and `labels.npy`, five severities one after the other.

  Args:
    path: the folder.
    part: corruption and severity, such as "fog_3".

  Raises:
    ValueError: another part, or files of other shapes.
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
      f"{path / corruption}.npy has {len(images)} images: expected five times "
      "as many as there are of each severity."
    )
  rows = slice((int(severity) - 1) * count, int(severity) * count)
  return ArrayImages(
    images[rows],
    labels[rows],
    class_names=Cifar10_15k.CLASS_NAMES,
    name=f"CIFAR-10-C, {part}",
  )


def cifar10_p(path: pathlib.Path, part: str) -> tuple[ImageReader, int]:
  """`<perturbation>.npy` `[N, T, 32, 32, 3]` as N T images, and T.

  Frames follow each other, so that answers `[N T, ...]`, reshaped to
  `[N, T, ...]`, are what `statistics.flip_probability` takes. No labels.

  Raises:
    ValueError: no such file, or one of another shape.
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


def cifar10_1(path: pathlib.Path, part: str) -> ImageReader:
  """`cifar10.1_<part>_data.npy` and its labels; part is "v4" or "v6"."""
  return ArrayImages(
    _npy(path, f"cifar10.1_{part}_data.npy"),
    _npy(path, f"cifar10.1_{part}_labels.npy"),
    class_names=Cifar10_15k.CLASS_NAMES,
    name=f"CIFAR-10.1 {part}",
  )


def mnist_c(path: pathlib.Path, part: str) -> ImageReader:
  """`<part>/test_images.npy` and `<part>/test_labels.npy`."""
  return ArrayImages(
    _npy(path / part, "test_images.npy"),
    _npy(path / part, "test_labels.npy"),
    class_names=_DIGITS,
    name=f"MNIST-C, {part}",
  )


class _Relabeled:
  """A dataset of ImageNet's classes with other labels than its own."""

  def __init__(self, dataset: ImageReader, labels: dict[int, int]):
    self.class_names = NUMBERS
    self.left_out = getattr(dataset, "left_out", ())
    self._dataset, self._labels = dataset, labels

  def __len__(self) -> int:
    return len(self._dataset)

  def get(self, index: int) -> Sample:
    sample = self._dataset.get(index)
    return sample._replace(label=self._labels.get(sample.label))


def _npy(folder: pathlib.Path, name: str) -> np.ndarray:
  """An array that stays on disk until it is read."""
  try:
    return np.load(folder / name, mmap_mode="r", allow_pickle=False)
  except (OSError, EOFError, ValueError) as error:
    raise ValueError(
      f"{folder / name} cannot be read as .npy: {error}"
    ) from error
