"""The table of attacks on detectors, as files."""

import csv
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.cli.provenance import machine
from robust_jax.files import atomic_write, write_json

_MEASURES = {
  "ap": "AP",
  "ap50": "AP50",
  "risk": "risk",
  "vanished": "vanished",
  "mislabeled": "mislabeled",
  "fabricated": "fabricated",
}
_ENDS = ("value", "low", "high")

Row = dict[str, Any]
"""`model`, `attack`, `images`, perhaps `threshold` and `seconds`, and the
estimates of what is measured."""


def write_tables(
  stem: pathlib.Path, rows: Sequence[Row], options: Mapping[str, Any]
) -> None:
  """Writes the table as Markdown, JSON and CSV, with a line per row.

  Args:
    stem: path of the files without their endings.
    rows: the rows.
    options: options of the command, for the JSON.
  """
  result = {"rows": list(rows), "options": dict(options)}
  write_json(stem.with_suffix(".json"), result | machine())
  flat = [_flat(row) for row in rows]
  fields = dict.fromkeys(field for row in flat for field in row)
  with (
    atomic_write(stem.with_suffix(".csv")) as new,
    new.open("w", encoding="utf-8", newline="") as file,
  ):
    writer = csv.DictWriter(file, [*fields], restval="")
    writer.writeheader()
    writer.writerows(flat)
  with atomic_write(stem.with_suffix(".md")) as new:
    new.write_text("\n".join(_lines(rows)) + "\n", encoding="utf-8")


def _flat(row: Row) -> dict[str, Any]:
  found: dict[str, Any] = {}
  for name, value in row.items():
    if name in _MEASURES:
      ends = (name, f"{name}_low", f"{name}_high")
      found |= {end: value[key] for end, key in zip(ends, _ENDS, strict=True)}
    else:
      found[name] = value
  return found


def _lines(rows: Sequence[Row]) -> list[str]:
  headings = ["model", "attack", *_MEASURES.values(), "seconds"]
  lines = [
    f"| {' | '.join(headings)} |",
    f"|---|---|{'---:|' * (len(headings) - 2)}",
  ]
  for row in rows:
    cells = [row["model"], row["attack"].replace("_", " ")]
    cells += [_cell(row.get(name)) for name in _MEASURES]
    cells.append(str(row.get("seconds", "")))
    lines.append(f"| {' | '.join(cells)} |")
  numbers = {row["images"] for row in rows}
  return [
    *lines,
    "",
    f"{', '.join(map(str, sorted(numbers)))} test images; intervals of 95 %. "
    "AP, AP50 and risk are percentages; vanished, mislabeled and fabricated "
    "are detections per image.",
  ]


def _cell(estimate: Mapping[str, float] | None) -> str:
  if estimate is None:
    return ""
  value, low, high = (estimate[end] for end in _ENDS)
  digits = 1 if high >= 10 else 2
  return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
