"""State of an interrupted computation, in a file that names its question."""

import json
import pathlib
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from robust_jax.files import atomic_write
from robust_jax.fingerprint import refuse_other

_QUESTION = "fingerprint"  # name of the array beside those of the state
_REMEDY = "Delete it to start anew, or give another file."
_UNREADABLE = (
  OSError,
  EOFError,
  KeyError,
  ValueError,
  TypeError,
  AttributeError,
  zipfile.BadZipFile,
  zlib.error,
)


def save(
  path: pathlib.Path,
  question: Mapping[str, str],
  arrays: Mapping[str, np.ndarray],
) -> None:
  """Writes arrays to an `.npz` file, atomically.

  Args:
    path: path of the file.
    question: digests of all that the result depends on, by name; see
      `fingerprint`.
    arrays: the state, by name.
  """
  with atomic_write(path) as new:
    np.savez(new, **{_QUESTION: json.dumps(dict(question))}, **arrays)  # type: ignore[arg-type]


def restore(
  path: pathlib.Path, question: Mapping[str, str]
) -> dict[str, np.ndarray] | None:
  """Reads the arrays that `save` wrote; None if there is no file.

  Args:
    path: path of the file.
    question: see `save`.

  Raises:
    ValueError: the file is not readable, or belongs to another question.

  Example:
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from robust_jax import saved_state
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "state.npz"
    >>> saved_state.save(path, {"seed": "0"}, {"found": np.arange(3)})
    >>> saved_state.restore(path, {"seed": "0"})
    {'found': array([0, 1, 2])}
  """
  if not path.exists():
    return None
  try:
    with path.open("rb") as file:
      arrays = dict(np.load(file, allow_pickle=False))
    there = json.loads(str(arrays.pop(_QUESTION)))
  except _UNREADABLE as error:
    raise ValueError(
      f"{path} is not the state of an interrupted run, or damaged ({error}). "
      + _REMEDY
    ) from error
  refuse_other(there, question, str(path), _REMEDY)
  return arrays
