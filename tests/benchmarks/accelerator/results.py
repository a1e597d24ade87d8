"""Measurements as JSON and as a table in Markdown, written after each one."""

import pathlib
from collections.abc import Mapping
from typing import Any

from robust_jax.files import atomic_write, write_json

_HEAD = (
  "part",
  "measured",
  "by",
  "result",
  "compiling, s",
  "of the matmul rate",
)


class Results:
  """The measurements of a run, in `results.json` and `results.md` of a folder.

  Each measurement is a dict with the keys "part", "name", "by" and "status",
  which is "running", "done", "failed", "skipped", "cut off" or "not installed".
  One that is done may have "seconds" and "images" of a call, "flop" of a call
  and the "products" whose rate limits it, "compile_seconds", "flop_per_second",
  and "text", which stands in the table instead of seconds; others have a
  "note". A measurement replaces an earlier one of the same part, name and by.

  Args:
    folder: an existing folder.
    facts: what stands above the table: command, minutes, sizes.
  """

  def __init__(self, folder: pathlib.Path, facts: Mapping[str, Any]):
    self.folder = folder
    self.facts = dict(facts)
    self.machine: dict[str, Any] = {}
    self.parts: dict[str, dict[str, Any]] = {}
    self._rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    self.write()

  @property
  def measurements(self) -> list[dict[str, Any]]:
    """The measurements so far, in order."""
    return list(self._rows.values())

  def add(self, row: dict[str, Any]) -> None:
    """Adds a measurement, or replaces it, and writes both files."""
    self._rows[row["part"], row["name"], row["by"]] = row
    self.write()

  def cut_off(self, note: str) -> None:
    """Marks what is running as cut off; the note says why."""
    for row in self.measurements:
      if row["status"] == "running":
        self.add({**row, "status": "cut off", "note": note})

  def write(self) -> None:
    """Writes both files."""
    content = {
      **self.facts,
      "machine": self.machine,
      "parts": self.parts,
      "measurements": self.measurements,
    }
    write_json(self.folder / "results.json", content)
    with atomic_write(self.folder / "results.md") as new:
      new.write_text(self._page(), encoding="utf-8")

  def _page(self) -> str:
    lines = ["# Measurements on an accelerator", ""]
    lines += [f"- {k}: {v}" for k, v in {**self.facts, **self.machine}.items()]
    lines += ["", *_table(_HEAD, map(self._cells, self.measurements))]
    parts = (
      (n, p["status"], f"{p['seconds']:.0f}", p.get("note", ""))
      for n, p in self.parts.items()
    )
    lines += ["", *_table(("part", "status", "seconds", "note"), parts)]
    return "\n".join(lines) + "\n"

  def _cells(self, row: Mapping[str, Any]) -> tuple[str, ...]:
    compiling = row.get("compile_seconds")
    return (
      row["part"],
      row["name"],
      row["by"],
      result_text(row),
      "" if compiling is None else f"{compiling:.1f}",
      self._of_matmul(row),
    )

  def _of_matmul(self, row: Mapping[str, Any]) -> str:
    """The fraction of the measured rate of products of that kind."""
    limits = {
      other["name"]: other["flop_per_second"]
      for other in self.measurements
      if "flop_per_second" in other
    }
    limit = limits.get(f"matmul, {row.get('products')}")
    if limit is None or "flop" not in row or "seconds" not in row:
      return ""
    return f"{row['flop'] / row['seconds'] / limit:.0%}"


def result_text(row: Mapping[str, Any]) -> str:
  """Describes the result of a measurement in a few words."""
  if row["status"] != "done":
    said = row["status"], row.get("note"), row.get("text")
    return ": ".join(filter(None, said))
  if "text" in row:
    return row["text"]
  if "flop_per_second" in row:
    return f"{row['flop_per_second'] / 1e12:.3g} TFLOP/s"
  milliseconds = f"{1e3 * row['seconds']:.4g} ms"
  if "images" not in row:
    return milliseconds
  return f"{row['images'] / row['seconds']:,.0f} images/s, {milliseconds}"


def _table(head, rows) -> list[str]:
  cells = [head, ("---",) * len(head), *rows]
  # A bar would begin another column.
  return [f"| {' | '.join(c.replace('|', '/') for c in r)} |" for r in cells]
