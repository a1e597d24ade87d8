"""Means and standard deviations of one quantity against another."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from robust_jax.plotting.style import (
  finish_axis,
  line_style,
  new_figure,
  save_figure,
)


class Point(NamedTuple):
  """A point, with the standard deviations of its coordinates.

  Attributes:
    x: a number, or the name of a category.
    y: a number.
    x_error: standard deviation of x, 0 if it is exact.
    y_error: standard deviation of y.
  """

  x: float | str
  y: float
  x_error: float = 0.0
  y_error: float = 0.0


def draw_error_bars(
  path: pathlib.Path,
  lines: Mapping[str, Sequence[Point]],
  xlabel: str,
  ylabel: str,
) -> None:
  """Draws points with error bars, those of a line joined in order of x.

  If an x is no number, all of them are categories, in their given order.

  Args:
    path: path of the picture.
    lines: label of a line -> its points; an only line needs no label.
    xlabel: label of the horizontal axis.
    ylabel: label of the vertical axis.
  """
  figure = new_figure(5.6, 3.8)
  axis = figure.subplots()
  texts = any(isinstance(p.x, str) for points in lines.values() for p in points)
  for index, (label, points) in enumerate(lines.items()):
    xs, ys, x_errors, y_errors = zip(
      *(points if texts else sorted(points)), strict=True
    )
    axis.errorbar(
      [str(x) for x in xs] if texts else xs,
      ys,
      y_errors,
      x_errors if any(x_errors) else None,
      **line_style(index, marker=True),
      lw=1.4,
      ms=4,
      capsize=3,
      label=label,
    )
  axis.set(xlabel=xlabel, ylabel=ylabel)
  finish_axis(axis, legend=len(lines) > 1)
  save_figure(figure, path)
