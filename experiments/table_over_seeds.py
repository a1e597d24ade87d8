"""Runs of several variants from several seeds, and their table in Markdown."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict


class Column(NamedTuple):
  """A column of numbers.

  Attributes:
    heading: its heading.
    mean: format of the mean over seeds, as in ".1f".
    deviation: format of their standard deviation.
  """

  heading: str
  mean: str
  deviation: str


def runs_over_seeds(
  by: str,
  configs: Mapping[str, ConfigDict],
  seeds: Sequence[int],
  out: pathlib.Path,
) -> Iterator[tuple[dict[str, Any], ConfigDict, pathlib.Path]]:
  """Yields the runs of a study, all variants from a seed before the next seed.

  Args:
    by: what the variants are, such as "method".
    configs: config of each variant, whose seed is set.
    seeds: the seeds.
    out: folder of the study.

  Yields:
    The row of a run, so far with its variant and seed; its config; and its
    folder, `OUT/VARIANT/SEED`.
  """
  for seed in seeds:
    for variant, config in configs.items():
      config.seed = seed
      row = {by: variant, "seed": seed}
      yield row, config, out / variant / str(seed)


def table_over_seeds(
  rows: Sequence[Mapping[str, Any]],
  by: str,
  columns: Mapping[str, Column],
) -> list[str]:
  """Makes the lines of a table, with mean and standard deviation over seeds.

  Args:
    rows: one per run: its value of `by`, its `seed`, its `status`, perhaps its
      `step`, and those of the columns that are known; None is unknown.
    by: what a line is made for, such as "method"; also the first heading.
    columns: the columns, by the names of their values.

  Returns:
    Lines of Markdown: the head, and a line per value of `by`, in the order of
    the rows, which names the seeds and the runs that are not finished.
  """
  headings = [by, "seeds", *(column.heading for column in columns.values())]
  lines = [
    f"| {' | '.join(headings)} |",
    f"|---|---|{'---:|' * len(columns)}",
  ]
  for value in dict.fromkeys(row[by] for row in rows):
    mine = [row for row in rows if row[by] == value]
    cells = [
      cell([row[name] for row in mine if row.get(name) is not None], column)
      for name, column in columns.items()
    ]
    seeds = ", ".join(map(_seed, mine))
    lines.append(f"| {value} | {seeds} | {' | '.join(cells)} |")
  return lines


def cell(values: Sequence[float], column: Column) -> str:
  """Formats the mean and, of several values, the standard deviation."""
  if not values:
    return ""
  text = f"{np.mean(values):{column.mean}}"
  if len(values) > 1:
    text += f" ± {np.std(values, ddof=1):{column.deviation}}"
  return text


def _seed(row: Mapping[str, Any]) -> str:
  """The seed, and how its run ended if it is not finished."""
  if row["status"] == "finished":
    return f"{row['seed']}"
  status = row["status"].replace("_", " ")
  where = f" at step {row['step']}" if "step" in row else ""
  return f"{row['seed']} ({status}{where})"
