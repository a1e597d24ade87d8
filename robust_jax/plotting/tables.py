"""Tables of fractions, for the terminal."""

from collections.abc import Mapping, Sequence

import numpy as np
import rich.box
import rich.console
import rich.table


def accuracy_table(
  accuracies: Mapping[str, Mapping[str, float]], title: str
) -> rich.table.Table:
  """Makes a table of accuracies: a row per measurement, a column per model.

  Args:
    accuracies: model -> measurement -> fraction of images classified correctly.
    title: title of the table.

  Example:
    >>> from robust_jax.plotting.tables import accuracy_table
    >>> table = accuracy_table({"model": {"clean": 0.98, "pgd": 0.9}}, "MNIST")
    >>> table.row_count
    2
  """
  measurements = list(next(iter(accuracies.values())))
  fractions = [
    [model[name] for model in accuracies.values()] for name in measurements
  ]
  return matrix_table(
    title, "accuracy under", measurements, list(accuracies), fractions, digits=2
  )


def matrix_table(
  title: str,
  corner: str,
  rows: Sequence[str],
  columns: Sequence[str],
  fractions: np.ndarray | Sequence[Sequence[float]],
  *,
  digits: int = 1,
) -> rich.table.Table:
  """Makes a table of a matrix of fractions, as percentages.

  Args:
    title: title of the table.
    corner: heading of the column of row names.
    rows: names of the R rows.
    columns: names of the C columns.
    fractions: `[R, C]`.
    digits: number of digits after the point.
  """
  result = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD)
  result.add_column(corner)
  for column in columns:
    result.add_column(column, justify="right")
  for name, line in zip(rows, fractions, strict=True):
    percentages = [f"{100 * fraction:.{digits}f} %" for fraction in line]
    result.add_row(name, *percentages)
  return result


def print_table(table: rich.table.Table) -> None:
  """Prints a table to the terminal."""
  rich.console.Console().print(table)
