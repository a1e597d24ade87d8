"""Shared parts of the TFDS builders: raw files and examples in memory."""

import abc
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds


class Examples(NamedTuple):
  """Examples of one split.

  Attributes:
    keys: int `[N]`, distinct; TFDS orders the split by their hashes.
    images: uint8 `[N, H, W, C]`.
    labels: int `[N]`, or uint8 `[N, H, W]` of pixels.
  """

  keys: np.ndarray
  images: np.ndarray
  labels: np.ndarray


class InMemory(  # type: ignore[call-arg]
  tfds.core.GeneratorBasedBuilder, skip_registration=True
):
  """Builder of 8-bit images of one shape with labels, without tensorflow.

  Only features that need no tensorflow to be written are used: `Tensor` and
  `ClassLabel`, but not `Image`.

  Attributes:
    IMAGE_SHAPE: `(H, W, C)`.
    DESCRIPTION: one sentence.
    HOMEPAGE: address of the original data.
    CLASS_NAMES: names of the classes, in the order of their labels; by default
      ten digits.
  """

  IMAGE_SHAPE: tuple[int, int, int]
  DESCRIPTION: str
  HOMEPAGE: str
  CLASS_NAMES: Sequence[str] = "0123456789"
  VERSION = tfds.core.Version("1.1.0")  # images are bytes; 1.0.0 had integers
  # Without a path TFDS does not look for checksums of downloads, which takes a
  # package that is not among its dependencies.
  code_path = None

  def label_feature(self) -> tfds.features.FeatureConnector:
    """Returns how labels are stored: by default a class of the image."""
    return tfds.features.ClassLabel(names=list(self.CLASS_NAMES))

  @abc.abstractmethod
  def make_splits(self) -> dict[str, Examples]:
    """Returns the examples of each split by name."""

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description=self.DESCRIPTION,
      features=tfds.features.FeaturesDict(
        {
          # Bytes are read three times as fast as the default, a list of int64.
          "image": tfds.features.Tensor(
            shape=self.IMAGE_SHAPE, dtype=np.uint8, encoding="bytes"
          ),
          "label": self.label_feature(),
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
      label = label if np.ndim(label) else int(label)
      yield int(key), {"image": image, "label": label}


def raw_file(name: str, patterns: tuple[str, ...], where: str) -> pathlib.Path:
  """Returns the file in `$ROBUST_JAX_DATA/raw/<name>` that matches a pattern.

  Args:
    name: folder of the collection.
    patterns: possible file names with wildcards, in order of preference.
    where: instructions on how to obtain the file, for the error message.

  Raises:
    ValueError: no file matches, or ROBUST_JAX_DATA is not set.
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
