"""The result of a run, and its file `train_result.json`."""

import json
import pathlib
from typing import NamedTuple

from robust_jax.files import atomic_write, read_json

_FILE = "train_result.json"


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
