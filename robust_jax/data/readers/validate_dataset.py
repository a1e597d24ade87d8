"""Validation of every example of a dataset before anything is computed."""

import collections
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np

from robust_jax.data.readers.reader import Change, Problem, Reader, Sample

UNREADABLE = "unreadable example"
NO_IMAGE = "not an image"
DUPLICATE = "duplicate id"
UNKNOWN_LABEL = "unknown label"


@dataclasses.dataclass(frozen=True, eq=False)
class ValidDataset:
  """The N usable examples, and a report on the others.

  Attributes:
    indices: int `[N]`, positions in the dataset.
    ids: N names.
    labels: int `[N]`; None if no example has one.
    problems: examples that are left out.
    changes: examples that are not used as they are stored.
  """

  indices: np.ndarray
  ids: tuple[str, ...]
  labels: np.ndarray | None
  problems: tuple[Problem, ...]
  changes: tuple[Change, ...]

  @property
  def counts(self) -> dict[str, int]:
    """Number of problems by kind."""
    return dict(collections.Counter(p.kind for p in self.problems))


Defect = tuple[str, str]
"""A defect of an example: the `kind` and `message` of a `Problem`."""


def defect_of_image(x: Any) -> Defect | None:
  """Returns what is wrong with an image; None if it can be used.

  An image is uint8 `[H, W, C]` with one or three channels.
  """
  shape, dtype = np.shape(x), getattr(x, "dtype", type(x).__name__)
  if dtype != np.uint8 or len(shape) != 3 or shape[2] not in (1, 3):
    message = f"{dtype} of shape {shape}: expected uint8 [H, W, C], C = 1 or 3."
    return NO_IMAGE, message
  if 0 in shape:
    return NO_IMAGE, f"shape {shape} has no pixels."
  return None


def validate_dataset(
  dataset: Reader, defect: Callable[[Any], Defect | None] = defect_of_image
) -> ValidDataset:
  """Reads every example once and keeps everything except x itself.

  Left out, and reported, are examples that `get` fails on or that have a
  defect, repeated ids, and labels outside the classes. An example without a
  label is a problem only if others have one.

  Args:
    dataset: any object with `class_names`, `__len__` and `get`.
    defect: what is wrong with an example of this kind of data.

  Returns:
    A `ValidDataset`.

  Raises:
    ValueError: no example is usable; the message contains the first problem.
  """
  rows: list[_Row] = []
  problems: list[Problem] = []
  seen: dict[str, int] = {}
  for index in range(len(dataset)):
    row = _read(dataset, index, seen, defect)
    if isinstance(row, Problem):
      problems.append(row)
    else:
      seen[row.id] = index
      rows.append(row)
  if any(row.label is not None for row in rows):
    problems += [_without_label(row) for row in rows if row.label is None]
    rows = [row for row in rows if row.label is not None]
  problems.sort(key=lambda problem: cast(int, problem.index))
  if not rows:
    first = f": {problems[0].kind}, {problems[0].message}" if problems else "."
    raise ValueError(
      f"none of the {len(dataset)} examples of the dataset can be used{first}"
    )
  labels = [row.label for row in rows]
  return ValidDataset(
    indices=np.array([row.position for row in rows]),
    ids=tuple(row.id for row in rows),
    labels=None if None in labels else np.array(labels, np.int64),
    problems=tuple(problems),
    changes=tuple(Change(r.id, kind) for r in rows for kind in r.changed),
  )


class _Row(NamedTuple):
  """A sample without x."""

  position: int
  id: str
  label: int | None
  changed: tuple[str, ...]


def _read(
  dataset: Reader,
  index: int,
  seen: dict[str, int],
  defect: Callable[[Any], Defect | None],
) -> _Row | Problem:
  try:
    name, x, label, changed = Sample(*dataset.get(index))
  except Exception as error:  # a reader may raise anything
    message = f"{type(error).__name__}: {error}"
    return Problem(index, None, UNREADABLE, message)
  if name in seen:
    message = f"example {seen[name]} has the same id; only that one is used."
    return Problem(index, name, DUPLICATE, message)
  if found := defect(x):
    return Problem(index, name, *found)
  num_classes = len(dataset.class_names)
  whole = label is None or isinstance(label, int | np.integer)
  if not whole or (label is not None and not 0 <= label < num_classes):
    message = f"label {label!r}: expected 0..{num_classes - 1}."
    return Problem(index, name, UNKNOWN_LABEL, message)
  return _Row(index, name, label, changed)


def _without_label(row: _Row) -> Problem:
  message = "no label, where other examples have one."
  return Problem(row.position, row.id, UNKNOWN_LABEL, message)
