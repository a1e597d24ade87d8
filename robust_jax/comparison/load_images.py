"""Loads the images of a comparison into memory and reports unusable ones."""

import collections
import dataclasses
import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np

from robust_jax.comparison.transformation import image_number
from robust_jax.data.readers.image_reader import (
  Change,
  ImageReader,
  Problem,
  Sample,
)
from robust_jax.data.readers.validate_dataset import validate_dataset

# Bytes of pixels per batch; transforming them takes about twenty times as much.
_BYTES = 2**24
_LARGEST_BATCH = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
  """Images of one shape.

  Attributes:
    rows: int `[n]`, indices among all N images.
    pixels: uint8 `[n, H, W, C]`.
    numbers: uint32 `[n]`, their `image_number`.
  """

  rows: np.ndarray
  pixels: np.ndarray
  numbers: np.ndarray

  @property
  def batch_size(self) -> int:
    """Size of all batches, so that one compiled program serves the group."""
    largest = batch_size(self.pixels.shape[1:])
    return min(largest, -(-len(self.rows) // 8) * 8)


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedImages:
  """N usable images, and a report on the others.

  Attributes:
    class_names: K names.
    ids: N names.
    labels: int `[N]`; None if no image has one.
    groups: images by shape.
    problems: drawn images that are left out.
    left_out: files beside the images that are not used.
    changes: images that are not used as they are stored.
    available: number of images in the dataset.
    digest: hash of ids, labels and pixels.
  """

  class_names: tuple[str, ...]
  ids: tuple[str, ...]
  labels: np.ndarray | None
  groups: tuple[Group, ...]
  problems: tuple[Problem, ...]
  left_out: tuple[Problem, ...]
  changes: tuple[Change, ...]
  available: int
  digest: str

  @property
  def shapes(self) -> list[tuple[int, int, int]]:
    """Shapes of the groups."""
    return [group.pixels.shape[1:] for group in self.groups]

  @property
  def problem_counts(self) -> dict[str, int]:
    """Number of problems by kind."""
    return counts(p.kind for p in self.problems)

  def find(self, row: int) -> tuple[Group, int]:
    """Returns the group of an image and its index there."""
    return next(
      (group, int(place))
      for group in self.groups
      for place in np.flatnonzero(group.rows == row)
    )


def batch_size(shape: Sequence[int], largest: int = _LARGEST_BATCH) -> int:
  """Returns the number of images per batch that fit into memory.

  Args:
    shape: shape (H, W, C) of an image, or of several that belong together.
    largest: upper bound.

  Returns:
    From 1 to `largest`; a multiple of 8 if it is 8 or more, so that few
    programs are compiled.

  Example:
    >>> from robust_jax.comparison.load_images import batch_size
    >>> batch_size((32, 32, 3)), batch_size((1024, 1024, 3))
    (128, 5)
  """
  fit = min(largest, _BYTES // math.prod(shape))
  return max(1, fit if fit < 8 else fit // 8 * 8)


def counts(kinds: Iterable[str]) -> dict[str, int]:
  """Counts the kinds, most frequent first."""
  return dict(collections.Counter(kinds).most_common())


def load_images(
  dataset: ImageReader, num_examples: int | None = None, seed: int = 0
) -> LoadedImages:
  """Reads a dataset, or a random part of it, once.

  Args:
    dataset: any object with `class_names`, `__len__` and `get`.
    num_examples: number of images to draw; None, or more than there are, for
      all. Unusable images are not replaced.
    seed: seed of the draw.

  Returns:
    The `LoadedImages`.

  Raises:
    ValueError: no image is usable, or `num_examples` is below 1.
  """
  available = len(dataset)
  if num_examples is not None and num_examples < 1:
    raise ValueError(f"num_examples = {num_examples}: expected 1 or more.")
  order = np.random.default_rng(seed).permutation(available)[:num_examples]
  drawn = _Drawn(dataset, np.sort(order))
  found = validate_dataset(drawn)
  images = [drawn.images.pop(i) for i in found.indices]
  drawn.images.clear()
  digest = hashlib.sha256(repr((found.ids, dataset.class_names)).encode())
  digest.update(b"" if found.labels is None else found.labels.tobytes())
  for image in images:
    digest.update(repr(image.shape).encode() + np.ascontiguousarray(image).data)
  numbers = np.array([image_number(name) for name in found.ids], np.uint32)
  return LoadedImages(
    class_names=tuple(dataset.class_names),
    ids=found.ids,
    labels=found.labels,
    groups=_groups(found.shapes, images, numbers),
    problems=tuple(
      dataclasses.replace(p, index=int(drawn.indices[cast(int, p.index)]))
      for p in found.problems
    ),
    left_out=tuple(getattr(dataset, "left_out", ())),
    changes=found.changes,
    available=available,
    digest=digest.hexdigest(),
  )


class _Drawn:
  """Some examples of a dataset, which stores their images as they are read."""

  def __init__(self, dataset, indices):
    self.class_names, self.indices = dataset.class_names, indices
    self.images: dict[int, np.ndarray] = {}
    self._dataset = dataset

  def __len__(self) -> int:
    return len(self.indices)

  def get(self, index: int) -> Sample:
    sample = self._dataset.get(int(self.indices[index]))
    # A copy, since a reader may reuse its array for all images.
    self.images[index] = np.array(sample[1])
    return sample


def _groups(shapes, images, numbers):
  rows: dict[tuple[int, int, int], list[int]] = {}
  for row, shape in enumerate(shapes):
    rows.setdefault(shape, []).append(row)
  return tuple(
    Group(np.array(some), _stacked(images, some), numbers[some])
    for some in rows.values()
  )


def _stacked(images, rows) -> np.ndarray:
  """Stacks images of one shape, freeing each as it is copied."""
  pixels = np.empty((len(rows), *images[rows[0]].shape), np.uint8)
  for place, row in enumerate(rows):
    pixels[place], images[row] = images[row], None
  return pixels
