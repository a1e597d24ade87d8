"""A matrix of fractions as a table and as a picture."""

import pathlib
from collections.abc import Sequence

import matplotlib.figure
import numpy as np
import rich.box
import rich.table

from robust_jax.files import atomic_write


def table(
  title: str,
  corner: str,
  rows: Sequence[str],
  columns: Sequence[str],
  fractions: np.ndarray,
) -> rich.table.Table:
  """Percentages, one line per row; `corner` names what the rows are."""
  result = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD)
  result.add_column(corner)
  for column in columns:
    result.add_column(column, justify="right")
  for name, line in zip(rows, fractions, strict=True):
    result.add_row(name, *(f"{100 * fraction:.1f} %" for fraction in line))
  return result


def draw(
  path: pathlib.Path,
  title: str,
  axes_labels: tuple[str, str],
  rows: Sequence[str],
  columns: Sequence[str],
  fractions: np.ndarray,
) -> None:
  """One cell per fraction, its percentage written in it; the darker, the more.

  Args:
    path: of the picture.
    title: above it.
    axes_labels: what the rows are, what the columns are.
    rows: names, R.
    columns: names, C.
    fractions: `[R, C]` in [0, 1].
  """
  figure = matplotlib.figure.Figure(
    (1.0 * len(columns) + 2.2, 0.62 * len(rows) + 1.6), layout="constrained"
  )
  axis = figure.subplots()
  # One hue from light to dark, so that it reads the same without color.
  picture = axis.imshow(fractions, cmap="Blues", vmin=0, vmax=1, aspect="auto")
  for (i, j), fraction in np.ndenumerate(fractions):
    color = "white" if fraction > 0.55 else "black"
    axis.text(
      j, i, f"{100 * fraction:.0f}", ha="center", va="center", color=color
    )
  axis.set_xticks(range(len(columns)), columns)
  axis.set_yticks(range(len(rows)), rows)
  axis.set(ylabel=axes_labels[0], xlabel=axes_labels[1])
  axis.set_title(title, fontsize=10)
  axis.tick_params(length=0)
  bar = figure.colorbar(
    picture, ax=axis, format=lambda v, _: f"{100 * v:.0f} %"
  )
  bar.outline.set_visible(False)
  with atomic_write(path) as new:
    figure.savefig(new, dpi=130)
