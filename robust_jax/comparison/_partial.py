"""A model's answers to the first images of a case, until all are there."""

import contextlib
import pathlib
import time

import numpy as np

from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import atomic_write

_NAME = "partial"
# What is lost at most when the process is killed, in seconds.
_EVERY = 10.0


class PartialPredictions:
  """Answers in the order in which a case's images are asked about.

  The file is the one that the whole case will be in. It is written now and
  then, and when `save` is called.

  Attributes:
    count: how many images are answered.
  """

  def __init__(self, path: pathlib.Path):
    self._path = path
    self._answers: list[np.ndarray] = []
    self._saved = time.monotonic()
    # Of a file that is cut off, or not there, nothing is known.
    with contextlib.suppress(ValueError, KeyError):
      self._answers.append(load_npz(path)[_NAME])

  @property
  def count(self) -> int:
    return sum(map(len, self._answers))

  def answers(self) -> np.ndarray:
    """Those there are, `[count, K]` or `[count]`."""
    return np.concatenate(self._answers)

  def put(self, answers: np.ndarray) -> None:
    """Adds the answers to the next images.

    Raises:
      ValueError: classes after scores, or scores after classes.
    """
    if self._answers and self._answers[0].ndim != answers.ndim:
      raise ValueError(
        "the model answered classes to some images and scores to others: "
        "expected one of the two."
      )
    self._answers.append(answers)
    if time.monotonic() - self._saved > _EVERY:
      self.save()

  def save(self) -> None:
    """Writes what there is, whole or not at all."""
    if not self._answers:
      return
    self._path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(self._path) as new:
      np.savez(new, **{_NAME: self.answers()})
    self._saved = time.monotonic()

  def drop(self) -> None:
    """Forgets all answers."""
    self._answers.clear()
    self._path.unlink(missing_ok=True)
