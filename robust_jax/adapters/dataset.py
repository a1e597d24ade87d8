"""What an evaluation asks of a data set; anything that answers it is one."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Sample(NamedTuple):
  """One example.

  Attributes:
    id: its name, unlike all others; randomness is keyed by it.
    image: uint8 `[H, W, C]`, with one channel or three.
    label: index into the class names; None where it is not known.
  """

  id: str
  image: np.ndarray
  label: int | None


class Dataset(Protocol):
  """Images of any sizes; write one of your own, or see the modules beside.

  Attributes:
    class_names: K names, in the order of the model's outputs.
  """

  class_names: Sequence[str]

  def __len__(self) -> int:
    """How many examples there are."""

  def get(self, index: int) -> Sample:
    """The index-th one; an exception says that it cannot be read."""
