"""The table of methods of robust training, as files and a picture."""

import csv
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.cli.provenance import machine
from experiments.table_over_seeds import Column, table_over_seeds
from robust_jax.files import atomic_write, write_json
from robust_jax.plotting.trade_off import draw_trade_off

# With as many digits behind the point.
_COLUMNS = {
  name: Column(heading, f".{digits}f", f".{digits}f")
  for name, (heading, digits) in {
    "clean": ("clean", 2),
    "pgd": ("PGD", 1),
    "autoattack": ("AutoAttack", 1),
    "rotation": ("worst of 10 rotations", 1),
    "corruption": ("corruption risk", 1),
    "held_out_best": ("held-out, best", 1),
    "held_out_last": ("held-out, last", 1),
    "seconds": ("seconds", 0),
    "forward": ("forward", 0),
    "backward": ("backward", 0),
  }.items()
}

Row = dict[str, Any]
"""`method`, `seed`, `status`, perhaps `step`, and what is known of the columns
of `_COLUMNS`."""


def write_tables(
  out: pathlib.Path, name: str, num_examples: int, rows: Sequence[Row]
) -> None:
  """Writes the table of runs as Markdown, JSON and CSV, and the picture.

  Markdown has a line per method, with mean and standard deviation over seeds;
  JSON and CSV have one per run. The picture needs "autoattack".

  Args:
    out: an existing folder.
    name: name of the config.
    num_examples: number of attacked images.
    rows: one per run.
  """
  result = {"config": name, "num_examples": num_examples, "rows": list(rows)}
  write_json(out / "robust_training.json", result | machine())
  fields = ["method", "seed", "status", "step", *_COLUMNS]
  with (
    atomic_write(out / "robust_training.csv") as new,
    new.open("w", encoding="utf-8", newline="") as file,
  ):
    writer = csv.DictWriter(file, fields, restval="")
    writer.writeheader()
    writer.writerows(rows)
  means = _over_seeds(rows)
  with atomic_write(out / "robust_training.md") as new:
    lines = table_over_seeds(rows, "method", _COLUMNS)
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
  points = {
    method: (columns["clean"], columns["autoattack"], columns["seconds"])
    for method, columns in means.items()
    if not np.isnan(columns["clean"] + columns["autoattack"])
  }
  if points:
    draw_trade_off(out / "trade_off.png", points, "AutoAttack")


def _over_seeds(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
  """Method -> mean of each column, NaN where nothing was measured."""
  found: dict[str, dict[str, float]] = {}
  for method in dict.fromkeys(row["method"] for row in rows):
    found[method] = {
      column: float(np.mean(values)) if values else math.nan
      for column, values in _columns(rows, method).items()
    }
  return found


def _columns(rows: Sequence[Row], method: str) -> dict[str, list[float]]:
  mine = [row for row in rows if row["method"] == method]
  return {
    column: [row[column] for row in mine if row.get(column) is not None]
    for column in _COLUMNS
  }
