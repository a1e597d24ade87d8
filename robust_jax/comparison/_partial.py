"""Outputs of a model for the first examples of a case, until it is complete."""

import contextlib
import pathlib
import time

import numpy as np

from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import atomic_write

_NAME = "partial"
# Seconds between writes: the most that is lost when the process is killed.
_EVERY = 10.0


class PartialPredictions:
  """Outputs for examples of a case in the order in which they are evaluated.

  The file is the one that will contain the complete case. It is written at
  intervals and when `save` is called.

  Attributes:
    count: number of examples with outputs.
  """

  def __init__(self, path: pathlib.Path):
    self._path = path
    self._outputs: list[np.ndarray] = []
    self._saved = time.monotonic()
    # A missing or truncated file has no outputs.
    with contextlib.suppress(ValueError, KeyError):
      self._outputs.append(load_npz(path)[_NAME])

  @property
  def count(self) -> int:
    return sum(map(len, self._outputs))

  def outputs(self) -> np.ndarray:
    """Returns the outputs, `[count, K]` or `[count]`."""
    return np.concatenate(self._outputs)

  def append(self, outputs: np.ndarray) -> None:
    """Appends the outputs for the next examples.

    Raises:
      ValueError: classes follow scores, or scores follow classes.
    """
    if self._outputs and self._outputs[0].ndim != outputs.ndim:
      raise ValueError(
        "the model returned classes for some examples and scores for others: "
        "expected one of the two."
      )
    self._outputs.append(outputs)
    if time.monotonic() - self._saved > _EVERY:
      self.save()

  def save(self) -> None:
    """Writes all outputs, atomically."""
    if not self._outputs:
      return
    self._path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(self._path) as new:
      np.savez(new, **{_NAME: self.outputs()})  # type: ignore[arg-type]
    self._saved = time.monotonic()

  def clear(self) -> None:
    """Deletes all outputs."""
    self._outputs.clear()
    self._path.unlink(missing_ok=True)
