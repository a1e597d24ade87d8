"""Tables of extra tests for the terminal."""

from collections.abc import Iterable, Mapping, Sequence

import rich.box
import rich.table

# Number of models with intervals that fit into 80 columns.
WITH_INTERVALS = 3

Cell = str | Mapping[str, float]
"""Text, or an estimate with `value`, `low` and `high` in percent."""


def results_table(
  title: str,
  caption: str,
  models: Sequence[str],
  rows: Iterable[tuple[str, Sequence[Cell]]],
) -> rich.table.Table:
  """Returns a table with a column for each model.

  Args:
    title: title above the table.
    caption: caption below the table.
    models: names of the models.
    rows: name and a cell for each model.
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
    # Folded rather than truncated where there is no room.
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
