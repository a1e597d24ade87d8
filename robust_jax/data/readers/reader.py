"""Readers: examples of any sizes, read one by one."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Sample(NamedTuple):
  """One example.

  Attributes:
    id: distinct name, to which its random numbers are keyed.
    x: the example: an image, uint8 `[H, W, C]` with one or three channels, or
      another kind of data.
    label: index into the class names, or None if unknown.
    changed: lossy conversions of what is stored, each a phrase such as
      "transparent, laid on white".
  """

  id: str
  x: Any
  label: int | None
  changed: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Problem:
  """An example or file that is left out, with the reason.

  Attributes:
    index: position in the dataset; None for a file that is no example.
    id: its name, or None if it could not be read.
    kind: such as "unreadable example".
    message: details.
  """

  index: int | None
  id: str | None
  kind: str
  message: str


class Change(NamedTuple):
  """An example that is not used as it is stored.

  Attributes:
    id: its name.
    kind: one of its `Sample.changed`.
  """

  id: str
  kind: str


class Reader(Protocol):
  """Protocol of examples of any sizes.

  Unlike examples of a `data.dataset.Dataset`, which become batches of a
  compiled step, these have names, may differ in shape, may lack a label, and
  may fail to be read one by one.

  A reader may also have an attribute `left_out`, a sequence of `Problem`: files
  beside the examples that are not used.

  Attributes:
    class_names: K names, in the order of the model's outputs.
  """

  class_names: Sequence[str]

  def __len__(self) -> int:
    """Returns the number of examples."""

  def get(self, index: int) -> Sample:
    """Returns the example at the index, or raises if it cannot be read."""
