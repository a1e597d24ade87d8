"""Images of any sizes, read one by one: what a comparison takes as data."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Sample(NamedTuple):
  """One example.

  Attributes:
    id: its name, unlike all others; randomness is keyed by it.
    image: uint8 `[H, W, C]`, with one channel or three.
    label: index into the class names; None where it is not known.
    changed: what was done to the image as it is stored, each a phrase such as
      "transparent, laid on white"; what loses nothing is not told.
  """

  id: str
  image: np.ndarray
  label: int | None
  changed: tuple[str, ...] = ()


class Problem(NamedTuple):
  """An example, or a file, that is left out, and why.

  Attributes:
    index: its place in the dataset; None of a file that is no example.
    id: its name, None where it could not be read.
    kind: such as "unreadable image".
    message: what exactly.
  """

  index: int | None
  id: str | None
  kind: str
  message: str


class Change(NamedTuple):
  """An image that is not used as it is stored.

  Attributes:
    id: its name.
    kind: one of its `Sample.changed`.
  """

  id: str
  kind: str


class ImageReader(Protocol):
  """Images of any sizes; write one of your own, or see the modules beside.

  Unlike examples of a `data.dataset.Dataset`, which become batches of a
  compiled step, images have names, need not have one shape or a label, and may
  fail to be read, one by one.

  It may have `left_out` too, a sequence of `Problem`: what lies beside the
  examples and is none.

  Attributes:
    class_names: K names, in the order of the model's outputs.
  """

  class_names: Sequence[str]

  def __len__(self) -> int:
    """How many examples there are."""

  def get(self, index: int) -> Sample:
    """The index-th one; an exception says that it cannot be read."""
