"""The images of a comparison, in memory, with all that is wrong with them."""

import collections
import dataclasses
import hashlib
import math
from collections.abc import Iterable, Sequence

import numpy as np

from robust_jax.comparison.transformation import image_number
from robust_jax.data.readers.image_reader import (
  Change,
  ImageReader,
  Problem,
  Sample,
)
from robust_jax.data.readers.validate_dataset import validate_dataset

# Of 8-bit pixels in a batch; changing images takes some twenty times as much.
_BYTES = 2**24
_LARGEST_BATCH = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
  """Images of one shape.

  Attributes:
    rows: int `[n]`, their places among all N.
    pixels: uint8 `[n, H, W, C]`.
    numbers: uint32 `[n]`, their `image_number`.
  """

  rows: np.ndarray
  pixels: np.ndarray
  numbers: np.ndarray

  @property
  def batch_size(self) -> int:
    """Of all batches, so that one program serves the group."""
    largest = batch_size(self.pixels.shape[1:])
    return min(largest, -(-len(self.rows) // 8) * 8)


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedImages:
  """N images that can be used, and those that cannot.

  Attributes:
    class_names: K names.
    ids: N names.
    labels: int `[N]`; None if no image has one.
    groups: the images, by shape.
    problems: of images that were drawn and are left out.
    left_out: what lies beside the images of the dataset and is none.
    changes: images that are not used as they are stored.
    available: how many the dataset has, before any were drawn.
    digest: of ids, labels and every pixel.
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
    """Of the groups."""
    return [group.pixels.shape[1:] for group in self.groups]

  @property
  def problem_counts(self) -> dict[str, int]:
    """Kind of problem -> how many."""
    return counts(p.kind for p in self.problems)

  def find(self, row: int) -> tuple[Group, int]:
    """The group that the row-th of the N is in, and its place there."""
    return next(
      (group, int(place))
      for group in self.groups
      for place in np.flatnonzero(group.rows == row)
    )


def batch_size(shape: Sequence[int], largest: int = _LARGEST_BATCH) -> int:
  """Images of a shape that are worked on at a time, so that memory suffices.

  Args:
    shape: of one image, (H, W, C), or of several that belong together.
    largest: of small ones.

  Returns:
    From 1 to `largest`; a multiple of 8 where it is more than that, so that few
    programs are compiled.
  """
  fit = min(largest, _BYTES // math.prod(shape))
  return max(1, fit if fit < 8 else fit // 8 * 8)


def counts(kinds: Iterable[str]) -> dict[str, int]:
  """How many there are of each kind, the most frequent first."""
  return dict(collections.Counter(kinds).most_common())


def load_images(
  dataset: ImageReader, num_examples: int | None = None, seed: int = 0
) -> LoadedImages:
  """Reads a dataset, or some of it, once.

  Args:
    dataset: anything with `class_names`, `__len__` and `get`.
    num_examples: how many are drawn at random; None, or more than there are,
      is all. Those that cannot be used are not made up for.
    seed: of the draw.

  Raises:
    ValueError: none of them can be used, or fewer than one is asked for.
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
      p._replace(index=int(drawn.indices[p.index])) for p in found.problems
    ),
    left_out=tuple(getattr(dataset, "left_out", ())),
    changes=found.changes,
    available=available,
    digest=digest.hexdigest(),
  )


class _Drawn:
  """Some examples of a dataset, whose images are kept as they are read."""

  def __init__(self, dataset, indices):
    self.class_names, self.indices = dataset.class_names, indices
    self.images: dict[int, np.ndarray] = {}
    self._dataset = dataset

  def __len__(self) -> int:
    return len(self.indices)

  def get(self, index: int) -> Sample:
    sample = self._dataset.get(int(self.indices[index]))
    # A copy, as a dataset may read all its images into the same array.
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
  """Images of one shape as one array; they are not held twice meanwhile."""
  pixels = np.empty((len(rows), *images[rows[0]].shape), np.uint8)
  for place, row in enumerate(rows):
    pixels[place], images[row] = images[row], None
  return pixels
