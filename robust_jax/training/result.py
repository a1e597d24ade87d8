"""How a run ended, and the file that says so."""

import json
import pathlib
from typing import NamedTuple

from robust_jax.files import atomic_write, read_json


class TrainResult(NamedTuple):
  """How a run ended: `status` is finished, collapsed or interrupted."""

  status: str
  step: int
  best_step: int | None


def read_result(workdir: pathlib.Path) -> TrainResult | None:
  """Of the run in `workdir`; None where it has not ended.

  Raises:
    ValueError: the file is damaged.
  """
  path = workdir / "outcome.json"
  if not path.exists():
    return None
  found = read_json(
    path,
    "Delete it: the same command then goes on from the last checkpoint.",
    TrainResult._fields,
  )
  return TrainResult(**{name: found[name] for name in TrainResult._fields})


def write_result(workdir: pathlib.Path, outcome: TrainResult) -> None:
  """Writes the file whole."""
  with atomic_write(workdir / "outcome.json") as new:
    new.write_text(json.dumps(outcome._asdict()) + "\n", encoding="utf-8")
