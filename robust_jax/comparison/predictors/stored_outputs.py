"""Models of which only outputs are available, stored in a file."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import atomic_write

_IDS = "ids"


class StoredOutputs:
  """An `.npz` of `ids` `[N]` and the outputs under the name of each condition.

  Outputs are float `[N, K]` or int `[N]`. Names of conditions are chosen by the
  user; "clean" is the one without a transformation.

  Attributes:
    conditions: names of the conditions.
  """

  def __init__(self, path: str | pathlib.Path):
    """Reads the file.

    Raises:
      ValueError: the file cannot be read, has no ids or repeated ones, or the
        numbers of outputs and ids differ.
    """
    self._path = path
    self._outputs = load_npz(path)
    if _IDS not in self._outputs:
      raise ValueError(
        f"{path} has {list(self._outputs)}: expected '{_IDS}' too."
      )
    ids = self._outputs.pop(_IDS).astype(str).tolist()
    self._rows = {name: row for row, name in enumerate(ids)}
    if len(self._rows) < len(ids):
      raise ValueError(
        f"{len(ids) - len(self._rows)} ids of {path} are repeated: expected "
        "distinct ids, one for each row of outputs."
      )
    for name, outputs in self._outputs.items():
      if outputs.ndim not in (1, 2) or len(outputs) != len(ids):
        raise ValueError(
          f"'{name}' of {path} has the shape {outputs.shape}: expected "
          f"[{len(ids)}, K] or [{len(ids)}], one output for each id."
        )
    self.conditions = tuple(self._outputs)

  def get(self, condition: str, ids: Sequence[str]) -> np.ndarray:
    """Returns the outputs of a condition in the order of `ids`.

    Ids that the file lacks have NaN or -1, which `read_outputs` counts as
    missing.

    Raises:
      ValueError: the condition is unknown.
    """
    if condition not in self._outputs:
      raise ValueError(
        f"{self._path} has no outputs under '{condition}': expected one of "
        f"{list(self.conditions)}."
      )
    outputs = self._outputs[condition]
    nothing = -1 if np.issubdtype(outputs.dtype, np.integer) else np.nan
    found = np.full((len(ids), *outputs.shape[1:]), nothing, outputs.dtype)
    for place, name in enumerate(ids):
      if name in self._rows:
        found[place] = outputs[self._rows[name]]
    return found


def write_outputs(
  path: pathlib.Path, ids: Sequence[str], outputs: Mapping[str, np.ndarray]
) -> None:
  """Writes a file for `StoredOutputs`, atomically."""
  with atomic_write(path) as new:
    arrays = {_IDS: np.array(ids, str), **outputs}
    np.savez_compressed(new, **arrays)  # type: ignore[arg-type]
