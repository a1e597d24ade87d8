"""A model that is not here, only what it answered."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import atomic_write

_IDS = "ids"


class StoredOutputs:
  """An `.npz` of `ids` `[N]` and, under each condition's name, its answers.

  Answers are floats `[N, K]` or integers `[N]`, as `ask` returns them. The
  names of conditions are the user's; "clean" is without a transformation.

  Attributes:
    conditions: their names.
  """

  def __init__(self, path: str | pathlib.Path):
    """Reads the file.

    Raises:
      ValueError: no such file or one that cannot be read, no ids, an id given
        twice, or another number of answers than of ids.
    """
    self._path = path
    self._answers = load_npz(path)
    if _IDS not in self._answers:
      raise ValueError(
        f"{path} has {list(self._answers)}: expected '{_IDS}' too."
      )
    ids = self._answers.pop(_IDS).astype(str).tolist()
    self._rows = {name: row for row, name in enumerate(ids)}
    if len(self._rows) < len(ids):
      raise ValueError(
        f"{len(ids) - len(self._rows)} ids of {path} are given twice: expected "
        "each once, or it is not known which answer counts."
      )
    for name, answers in self._answers.items():
      if answers.ndim not in (1, 2) or len(answers) != len(ids):
        raise ValueError(
          f"'{name}' of {path} has the shape {answers.shape}: expected "
          f"[{len(ids)}, K] or [{len(ids)}], an answer for each id."
        )
    self.conditions = tuple(self._answers)

  def get(self, condition: str, ids: Sequence[str]) -> np.ndarray:
    """Answers in the order of `ids`.

    Where the file lacks an id there is no answer, NaN or -1, which
    `read_outputs` counts as missing.

    Raises:
      ValueError: an unknown condition.
    """
    if condition not in self._answers:
      raise ValueError(
        f"{self._path} has no answers under '{condition}': expected one of "
        f"{list(self.conditions)}."
      )
    answers = self._answers[condition]
    nothing = -1 if np.issubdtype(answers.dtype, np.integer) else np.nan
    found = np.full((len(ids), *answers.shape[1:]), nothing, answers.dtype)
    for place, name in enumerate(ids):
      if name in self._rows:
        found[place] = answers[self._rows[name]]
    return found


def write_outputs(
  path: pathlib.Path, ids: Sequence[str], answers: Mapping[str, np.ndarray]
) -> None:
  """Writes what `StoredOutputs` reads, whole or not at all."""
  with atomic_write(path) as new:
    np.savez_compressed(new, **{_IDS: np.array(ids, str)}, **answers)
