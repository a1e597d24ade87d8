"""The table of a sweep, from the files of its runs."""

import csv
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments import workdir
from experiments.sweeps.list_runs import natural
from experiments.sweeps.run_summary import RunSummary, summarize
from experiments.table_over_seeds import Column, table_over_seeds
from robust_jax.files import atomic_write, write_json

Row = dict[str, Any]


def collect(
  out: pathlib.Path, failures: Mapping[pathlib.Path, str] | None = None
) -> list[Row]:
  """Writes `sweep.md`, `sweep.csv` and `sweep.json` of a sweep.

  A row is a combination: the fields in which the configs differ, the number of
  seeds that have ended, and over these the mean and the standard deviation of
  the metrics of the best checkpoint and of the seconds that the steps took. In
  Markdown the seeds are named, and the status of those that have not finished.

  Args:
    out: folder of the sweep, of which all runs `NAME/SEED` are read.
    failures: errors of runs that may have left no files.

  Returns:
    The rows: "combination", "config.FIELD", "finished", and each metric beside
    "METRIC_std", in order of the names.

  Raises:
    ValueError: there is no run.
  """
  runs = _runs(out, failures or {})
  metrics = dict.fromkeys(name for run in runs for name in run.best)
  measured, varying = [*metrics, "seconds"], _varying(runs)
  names = dict.fromkeys(run.path.parent.name for run in runs)
  of_name = lambda name: [run for run in runs if run.path.parent.name == name]
  rows = [_row(name, of_name(name), varying, measured) for name in names]
  flat = [_flat(run) for run in runs]
  write_json(out / "sweep.json", {"combinations": rows, "runs": flat})
  columns = {name: Column(name, ".4g", ".2g") for name in measured}
  lines = table_over_seeds(flat, "combination", columns)
  with atomic_write(out / "sweep.md") as new:
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
  with (
    atomic_write(out / "sweep.csv") as new,
    new.open("w", encoding="utf-8", newline="") as file,
  ):
    writer = csv.DictWriter(file, list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
  return rows


def _runs(
  out: pathlib.Path, failures: Mapping[pathlib.Path, str]
) -> list[RunSummary]:
  folders = {file.parent for file in out.glob("*/*/config.json")}
  paths = sorted(
    (path for path in folders | set(failures) if path.name.isdigit()),
    key=lambda path: (natural(path.parent.name), int(path.name)),
  )
  if not paths:
    raise ValueError(
      f"there is no run of a sweep in {out}: give the --out of one that has "
      "begun."
    )
  return [
    RunSummary(path, "failed", failures[path])
    if path in failures and path not in folders
    else summarize(path)
    for path in paths
  ]


def _varying(runs: Sequence[RunSummary]) -> list[str]:
  """The fields in which the configs differ, but for the seed."""
  configs = [workdir.fields(run.config) for run in runs if run.config]
  names = dict.fromkeys(name for config in configs for name in config)
  return [
    name
    for name in names
    if name != "seed"
    and len({json.dumps(config.get(name)) for config in configs}) > 1
  ]


def _row(
  name: str,
  runs: Sequence[RunSummary],
  varying: Sequence[str],
  measured: Sequence[str],
) -> Row:
  config = next((run.config for run in runs if run.config), None)
  known = workdir.fields(config) if config else {}
  row: Row = {"combination": name}
  row |= {f"config.{field}": known.get(field) for field in varying}
  ended = [_flat(run) for run in runs if run.ended]
  row["finished"] = len(ended)
  for quantity in measured:
    values = [one[quantity] for one in ended if quantity in one]
    several = len(values) > 1
    row[quantity] = float(np.mean(values)) if values else None
    row[f"{quantity}_std"] = float(np.std(values, ddof=1)) if several else None
  return row


def _flat(run: RunSummary) -> Row:
  """The row of a run, with what was measured if it has ended."""
  row: Row = {
    "combination": run.path.parent.name,
    "seed": int(run.path.name),
    "status": run.status,
    "step": run.step,
  }
  if run.ended:
    row |= {**run.best, "seconds": run.seconds}
  return row | ({"note": run.note} if run.note else {})
