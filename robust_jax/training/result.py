"""The result of a run, `train_result.json`, or its error, `failure.txt`."""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from robust_jax.files import atomic_write, read_json

_FILE = "train_result.json"
_FAILURE = "failure.txt"


class TrainResult(NamedTuple):
  """The result of a run.

  Attributes:
    status: "finished", "stopped_early" (see `EarlyStopping`) or "interrupted"
      (by a signal, to be resumed).
    step: number of completed steps.
    best_step: step of the best checkpoint, None without checkpoints.
  """

  status: str
  step: int
  best_step: int | None


def read_result(workdir: pathlib.Path) -> TrainResult | None:
  """Reads the result of the run in `workdir`; None if it has not ended.

  Raises:
    ValueError: the file is damaged.
  """
  path = workdir / _FILE
  if not path.exists():
    return None
  found = read_json(
    path,
    "Delete it: the same command then resumes from the last checkpoint.",
    TrainResult._fields,
  )
  return TrainResult(**{name: found[name] for name in TrainResult._fields})


def write_result(workdir: pathlib.Path, result: TrainResult) -> None:
  """Writes the result of the run in `workdir`, atomically."""
  with atomic_write(workdir / _FILE) as new:
    new.write_text(json.dumps(result._asdict()) + "\n", encoding="utf-8")


@contextlib.contextmanager
def failure_noted(workdir: pathlib.Path) -> Iterator[None]:
  """Writes an error of the body to the folder of the run, and raises it.

  The note of an earlier failure is removed first. An interruption is none.

  Args:
    workdir: the folder of the run.
  """
  path = workdir / _FAILURE
  path.unlink(missing_ok=True)
  try:
    yield
  except Exception as error:
    with contextlib.suppress(OSError), atomic_write(path) as new:
      new.write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
    raise


def read_failure(workdir: pathlib.Path) -> str | None:
  """Reads the first line of the run's error; None if it did not fail."""
  path = workdir / _FAILURE
  if not path.exists():
    return None
  lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
  return lines[0] if lines else "an error without a message"
