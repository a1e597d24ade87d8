"""Helpers of the project's own TFDS builders: raw files, examples in memory."""

import abc
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds


class Examples(NamedTuple):
  """One split.

  Attributes:
    keys: int `[N]`, unlike each other; TFDS orders the split by their hashes.
    images: uint8 `[N, H, W, C]`.
    labels: int `[N]`.
  """

  keys: np.ndarray
  images: np.ndarray
  labels: np.ndarray


class InMemory(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Ten classes of 8-bit images of one shape, written without tensorflow.

  No feature needs tensorflow to be written: `Image` would, `Tensor` and
  `ClassLabel` do not.

  Attributes:
    IMAGE_SHAPE: `(H, W, C)`.
    DESCRIPTION: one sentence.
    HOMEPAGE: where the originals are to be had.
    CLASS_NAMES: of the ten, in the order of their labels.
  """

  IMAGE_SHAPE: tuple[int, int, int]
  DESCRIPTION: str
  HOMEPAGE: str
  CLASS_NAMES: Sequence[str] = "0123456789"
  VERSION = tfds.core.Version("1.0.0")
  # TFDS looks beside the code for checksums of downloads, of which there are
  # none, by a package that it does not list among its dependencies.
  code_path = None

  @abc.abstractmethod
  def make_splits(self) -> dict[str, Examples]:
    """All examples of each split by its name."""

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description=self.DESCRIPTION,
      features=tfds.features.FeaturesDict(
        {
          "image": tfds.features.Tensor(shape=self.IMAGE_SHAPE, dtype=np.uint8),
          "label": tfds.features.ClassLabel(names=list(self.CLASS_NAMES)),
        }
      ),
      supervised_keys=("image", "label"),
      homepage=self.HOMEPAGE,
    )

  def _split_generators(self, dl_manager) -> dict[str, Iterator]:
    del dl_manager
    return {
      name: self._generate_examples(examples)
      for name, examples in self.make_splits().items()
    }

  def _generate_examples(self, examples: Examples) -> Iterator:
    for key, image, label in zip(*examples, strict=True):
      yield int(key), {"image": image, "label": int(label)}


def raw_file(name: str, patterns: tuple[str, ...], where: str) -> pathlib.Path:
  """The file below `$ROBUST_JAX_DATA/raw/<name>` that matches a pattern.

  Args:
    name: folder of the collection.
    patterns: names that it may have, with wildcards, best first.
    where: where it is to be had.

  Raises:
    ValueError: there is none, or ROBUST_JAX_DATA is not set.
  """
  expected = " or ".join(patterns)
  root = os.environ.get("ROBUST_JAX_DATA")
  if not root:
    raise ValueError(
      f"the environment variable ROBUST_JAX_DATA is not set: expected a folder "
      f"with raw/{name}/{expected}. {where}"
    )
  folder = pathlib.Path(root) / "raw" / name
  for pattern in patterns:
    for path in sorted(folder.glob(pattern)):
      return path
  raise ValueError(f"{folder} has no file {expected}. {where}")
