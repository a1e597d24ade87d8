"""State of an interrupted computation, in a file that names its question."""

import json
import pathlib
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from robust_jax.files import atomic_write
from robust_jax.fingerprint import refuse_other

# Names of the arrays beside those of the state.
_QUESTION, _FINISHED = "fingerprint", "finished"
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
  *,
  finished: bool = False,
) -> None:
  """Writes arrays to an `.npz` file, atomically.

  Args:
    path: path of the file.
    question: digests of all that the result depends on, by name; see
      `fingerprint`.
    arrays: the state, by name.
    finished: whether these are the results, which the caller has: then the file
      may be replaced by the state of another question.
  """
  own = {_QUESTION: json.dumps(dict(question)), _FINISHED: finished}
  with atomic_write(path) as new:
    np.savez(new, **own, **arrays)  # type: ignore[arg-type]


def restore(
  path: pathlib.Path, question: Mapping[str, str]
) -> dict[str, np.ndarray] | None:
  """Reads the arrays that `save` wrote.

  Args:
    path: path of the file.
    question: see `save`.

  Returns:
    The arrays; None if there is no file, or one with the results of another
    question.

  Raises:
    ValueError: the file is not readable, or the unfinished state of another
      question.

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
    finished = bool(arrays.pop(_FINISHED, False))
  except _UNREADABLE as error:
    raise ValueError(
      f"{path} is not the state of an interrupted run, or damaged ({error}). "
      + _REMEDY
    ) from error
  if finished and there != dict(question):
    return None
  refuse_other(there, question, str(path), _REMEDY)
  return arrays
