"""Table of a comparison for the terminal."""

from collections.abc import Mapping
from typing import Any

import rich.box
import rich.table
import rich.text

from robust_jax.comparison.extra_tests.table import WITH_INTERVALS

_CHANGED = "examples whose prediction changes"


def comparison_table(report: Mapping[str, Any]) -> rich.table.Table:
  """Returns a table of risks per family with a column for each model.

  Args:
    report: report of `comparison_report`, with the name of the data.
  """
  data, models, words = report["data"], report["models"], report["words"]
  kind = data["kind"].replace("_", " ")
  lost = words["lost"] if data["labeled"] else _CHANGED
  spacious = len(models) <= WITH_INTERVALS
  interval = _interval if spacious else _value
  table = rich.table.Table(
    # Names may have brackets, which would be markup in a string.
    title=rich.text.Text(f"{data['name']}, {data['examples']} {kind}"),
    caption=f"Risk: % of {lost}"
    + (f" ({100 * report['level']:g} % interval)." if spacious else "."),
    box=rich.box.SIMPLE_HEAD,
    padding=(0, 1),
    collapse_padding=True,
  )
  table.add_column("", no_wrap=True)
  for name in models:
    # Folded rather than truncated where there is no room.
    table.add_column(name, justify="right", overflow="fold")
  risks = [model["risk"] for model in models.values()]
  for case in ("clean", "changed") if data["labeled"] else ():
    found = [model["accuracy"][case] for model in models.values()]
    title = f"{words['accuracy']}, {case}"
    table.add_row(title, *(f"{value:.1f} %" for value in found))
  table.add_row("risk, overall", *(interval(r["overall"]) for r in risks))
  for family in risks[0]["families"]:
    cells = (interval(r["families"][family]) for r in risks)
    table.add_row(f"  {family}", *cells)
  table.add_section()
  table.add_row("should not matter", *("" for _ in risks))
  for basic in risks[0]["invariance_tests"]:
    cells = (
      f"{r['invariance_tests'][basic]['risk']['value']:.1f} %" for r in risks
    )
    table.add_row(f"  {basic}", *cells)
  missing = [sum(model["missing"].values()) for model in models.values()]
  if any(missing):
    table.add_row("predictions missing", *map(str, missing))
  return table


def _interval(row):
  risk = row["risk"]
  return f"{risk['value']:.1f} ({risk['low']:.1f}-{risk['high']:.1f})"


def _value(row):
  return f"{row['risk']['value']:.1f}"
