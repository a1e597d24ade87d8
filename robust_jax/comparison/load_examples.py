"""Loads the examples of a comparison into memory and reports unusable ones."""

import collections
import copy
import dataclasses
import hashlib
from collections.abc import Hashable, Iterable
from typing import Any, cast

import numpy as np

from robust_jax.comparison.data_kinds.base import DataKind, Inputs
from robust_jax.comparison.data_kinds.images import IMAGES
from robust_jax.comparison.transformation import example_number
from robust_jax.data.readers.reader import Change, Problem, Reader, Sample
from robust_jax.data.readers.validate_dataset import validate_dataset


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
  """Examples of one layout, such as images of one shape.

  Attributes:
    rows: int `[n]`, indices among all N examples.
    inputs: n examples, such as uint8 `[n, H, W, C]`.
    numbers: uint32 `[n]`, their `example_number`.
    batch_size: size of all batches, so that one compiled program serves the
      group.
  """

  rows: np.ndarray
  inputs: Inputs
  numbers: np.ndarray
  batch_size: int


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedExamples:
  """N usable examples, and a report on the others.

  Attributes:
    kind: the kind of data.
    class_names: K names.
    ids: N names.
    labels: int `[N]`; None if no example has one.
    groups: examples by layout.
    problems: drawn examples that are left out.
    left_out: files beside the examples that are not used.
    changes: examples that are not used as they are stored.
    available: number of examples in the dataset.
    digest: hash of ids, labels and examples.
  """

  kind: DataKind
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
  def inputs(self) -> list[Inputs]:
    """Examples of each group."""
    return [group.inputs for group in self.groups]

  @property
  def labeled(self) -> bool:
    """Returns whether it is known what is true of the examples."""
    return self.labels is not None or self.kind.annotated

  def in_order(self) -> list[Any]:
    """Returns all N examples."""
    found = [None] * len(self.ids)
    for group in self.groups:
      for row, x in zip(group.rows, group.inputs, strict=True):
        found[row] = x
    return found

  @property
  def truth(self) -> Any:
    """Returns labels `[N]` or N annotations; None if nothing is known."""
    if self.kind.annotated:
      return [x.annotations for x in self.in_order()]
    return self.labels

  @property
  def facts(self) -> Any:
    """The argument of families; see `DataKind.facts`."""
    return self.kind.facts(self.inputs)

  @property
  def problem_counts(self) -> dict[str, int]:
    """Number of problems by kind."""
    return counts(p.kind for p in self.problems)

  def find(self, row: int) -> tuple[Group, int]:
    """Returns the group of an example and its index there."""
    return next(
      (group, int(place))
      for group in self.groups
      for place in np.flatnonzero(group.rows == row)
    )


def counts(kinds: Iterable[str]) -> dict[str, int]:
  """Counts the kinds, most frequent first."""
  return dict(collections.Counter(kinds).most_common())


def load_examples(
  dataset: Reader,
  num_examples: int | None = None,
  seed: int = 0,
  kind: DataKind = IMAGES,
) -> LoadedExamples:
  """Reads a dataset, or a random part of it, once.

  Args:
    dataset: any object with `class_names`, `__len__` and `get`.
    num_examples: number of examples to draw; None, or more than there are, for
      all. Unusable ones are not replaced.
    seed: seed of the draw.
    kind: the kind of data.

  Returns:
    The `LoadedExamples`.

  Raises:
    ValueError: no example is usable, or `num_examples` is below 1.
  """
  available = len(dataset)
  if num_examples is not None and num_examples < 1:
    raise ValueError(f"num_examples = {num_examples}: expected 1 or more.")
  order = np.random.default_rng(seed).permutation(available)[:num_examples]
  drawn = _Drawn(dataset, np.sort(order))
  found = validate_dataset(drawn, kind.defect)
  examples = [drawn.examples.pop(i) for i in found.indices]
  drawn.examples.clear()
  digest = hashlib.sha256(repr((found.ids, dataset.class_names)).encode())
  digest.update(b"" if found.labels is None else found.labels.tobytes())
  for x in examples:
    digest.update(kind.to_bytes(x))
  numbers = np.array([example_number(name) for name in found.ids], np.uint32)
  return LoadedExamples(
    kind=kind,
    class_names=tuple(dataset.class_names),
    ids=found.ids,
    labels=found.labels,
    groups=_groups(kind, examples, numbers),
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
  """Some examples of a dataset, which stores them as they are read."""

  def __init__(self, dataset, indices):
    self.class_names, self.indices = dataset.class_names, indices
    self.examples: dict[int, Any] = {}
    self._dataset = dataset

  def __len__(self) -> int:
    return len(self.indices)

  def get(self, index: int) -> Sample:
    sample = self._dataset.get(int(self.indices[index]))
    # A copy, since a reader may reuse its array for all images.
    self.examples[index] = copy.deepcopy(sample[1])
    return sample


def _groups(kind, examples, numbers):
  rows: dict[Hashable, list[int]] = {}
  for row, x in enumerate(examples):
    rows.setdefault(kind.layout(x), []).append(row)
  found = []
  for layout, some in rows.items():
    inputs = kind.stack([_taken(examples, row) for row in some])
    size = min(kind.batch_size(layout), -(-len(some) // 8) * 8)
    found.append(Group(np.array(some), inputs, numbers[some], size))
  return tuple(found)


def _taken(examples, row):
  """Returns an example and forgets it, since it is copied."""
  x, examples[row] = examples[row], None
  return x
