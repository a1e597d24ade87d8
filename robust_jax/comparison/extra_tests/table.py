"""A section of a comparison, for the terminal."""

from collections.abc import Iterable, Mapping, Sequence

import rich.box
import rich.table

# Models that 80 columns have room for with intervals.
WITH_INTERVALS = 3

Cell = str | Mapping[str, float]
"""Text, or an estimate: `value`, `low` and `high` in percent."""


def section_table(
  title: str,
  caption: str,
  models: Sequence[str],
  rows: Iterable[tuple[str, Sequence[Cell]]],
) -> rich.table.Table:
  """A column for each model.

  Args:
    title: above it.
    caption: below it.
    models: their names.
    rows: a name, and a cell for each model.
  """
  table = rich.table.Table(
    title=title,
    caption=caption,
    box=rich.box.SIMPLE_HEAD,
    padding=(0, 1),
    collapse_padding=True,
  )
  table.add_column("", no_wrap=True)
  for name in models:
    # Folded where there is no room: cut off, it could not be read at all.
    table.add_column(name, justify="right", overflow="fold")
  spacious = len(models) <= WITH_INTERVALS
  for name, cells in rows:
    table.add_row(name, *(_text(cell, spacious) for cell in cells))
  return table


def _text(cell: Cell, spacious: bool) -> str:
  if isinstance(cell, str):
    return cell
  value = f"{cell['value']:.1f}"
  if not spacious:
    return value
  return f"{value} ({cell['low']:.1f}-{cell['high']:.1f})"
