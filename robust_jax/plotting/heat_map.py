"""Heat map of a matrix of fractions."""

import pathlib
from collections.abc import Sequence

import numpy as np

from robust_jax.plotting.style import SEQUENTIAL, new_figure, save_figure


def draw_heat_map(
  path: pathlib.Path,
  title: str,
  axes_labels: tuple[str, str],
  rows: Sequence[str],
  columns: Sequence[str],
  fractions: np.ndarray,
) -> None:
  """Draws a matrix of fractions, with the percentage written in each cell.

  Args:
    path: path of the picture.
    title: title of the picture.
    axes_labels: labels of the vertical and the horizontal axis.
    rows: names of the R rows.
    columns: names of the C columns.
    fractions: `[R, C]` in [0, 1].
  """
  figure = new_figure(1.0 * len(columns) + 2.2, 0.62 * len(rows) + 1.6)
  axis = figure.subplots()
  picture = axis.imshow(
    fractions, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto"
  )
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
  save_figure(figure, path)
