"""How a run ended, and the file that says so."""

import json
import pathlib
from typing import NamedTuple

from robust_jax.files import read_json, whole_file


class Outcome(NamedTuple):
  """How a run ended: `status` is finished, collapsed or interrupted."""

  status: str
  step: int
  best_step: int | None


def read_outcome(workdir: pathlib.Path) -> Outcome | None:
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
    Outcome._fields,
  )
  return Outcome(**{name: found[name] for name in Outcome._fields})


def write_outcome(workdir: pathlib.Path, outcome: Outcome) -> None:
  """Writes the file whole."""
  with whole_file(workdir / "outcome.json") as new:
    new.write_text(json.dumps(outcome._asdict()) + "\n", encoding="utf-8")
