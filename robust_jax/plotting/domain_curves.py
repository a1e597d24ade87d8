"""Training curves of domain adaptation."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from robust_jax.plotting.style import (
  GRAY,
  finish_axis,
  line_style,
  new_figure,
  save_figure,
)

Records = Sequence[Mapping[str, Any]]
"""The records of a run, see `training.log.read`."""


class Curve(NamedTuple):
  """One panel: a metric of the log.

  Attributes:
    split: split of the records that have the metric.
    metric: name of the metric in the records.
    title: title of the panel.
    guess: value of the metric for random guesses, drawn as a horizontal line;
      None for no line.
    is_fraction: whether the metric is drawn from 0 to 1.
  """

  split: str
  metric: str
  title: str
  guess: float | None = None
  is_fraction: bool = False


def draw_domain_curves(
  path: pathlib.Path,
  runs: Mapping[str, Records],
  curves: Sequence[Curve],
) -> None:
  """Draws metrics against the training step: a panel each, a line per run.

  The loss of a domain classifier indicates neither success nor failure of the
  adaptation. At the level of guessing the features may match, or the classifier
  may have failed; below it the features may have been aligned nevertheless.
  Titles should say which metrics use labels that a user does not have.

  Args:
    path: path of the picture.
    runs: name -> records. A run without a metric (of domains, for example) has
      no line in its panel.
    curves: the panels, from left to right, two to a row.

  Raises:
    ValueError: no run has one of the metrics; those that exist are listed.
  """
  num_rows = (len(curves) + 1) // 2
  figure = new_figure(9.0, 2.9 * num_rows + 0.4)
  axes = figure.subplots(num_rows, 2, sharex=True, squeeze=False).ravel()
  for axis, curve in zip(axes, curves, strict=False):
    _draw(axis, runs, curve)
  for axis in axes[len(curves) :]:
    axis.set_visible(False)
  for axis in axes[max(0, len(curves) - 2) : len(curves)]:
    axis.set_xlabel("training step")
    axis.locator_params("x", nbins=5)  # or steps of five digits would touch
    axis.tick_params(labelbottom=True)
  # One legend of all runs, because lines may be missing from some panels.
  handles = [_line(i) for i in range(len(runs))]
  figure.legend(
    handles,
    list(runs),
    loc="outside lower center",
    ncols=min(len(runs), 4),
    frameon=False,
    fontsize=8,
  )
  save_figure(figure, path)


def points(
  records: Records, split: str, metric: str
) -> tuple[list[float], list[float]]:
  """Returns the steps, and the metric at each, of records that have it."""
  found = [r for r in records if r["split"] == split and metric in r]
  return [r["step"] for r in found], [r[metric] for r in found]


def _draw(axis: Axes, runs: Mapping[str, Records], curve: Curve) -> None:
  lines = [points(r, curve.split, curve.metric) for r in runs.values()]
  if not any(steps for steps, _ in lines):
    raise ValueError(
      f"no run has '{curve.metric}' in a record of '{curve.split}'; "
      f"they have {', '.join(_metrics(runs)) or 'nothing'}."
    )
  for i, (steps, values) in enumerate(lines):
    axis.add_line(_line(i, steps, values))
  if curve.guess is not None:
    axis.axhline(curve.guess, color=GRAY, lw=0.8, zorder=0)
    axis.annotate(
      "guessing",
      (1, curve.guess),
      xycoords=("axes fraction", "data"),
      xytext=(3, 0),
      textcoords="offset points",
      va="center",
      fontsize=7,
      color=GRAY,
    )
  axis.autoscale_view()
  if curve.is_fraction:
    axis.set_ylim(-0.02, 1.02)
  axis.set_title(curve.title, fontsize=10)
  finish_axis(axis, legend=False)


def _line(
  index: int, steps: Sequence[float] = (), values: Sequence[float] = ()
) -> Line2D:
  return Line2D(
    steps,
    values,
    **line_style(index),
    # A run of a single record is a point, where a line would be invisible.
    marker="o" if len(steps) == 1 else None,
    lw=1.4,
  )


def _metrics(runs):
  return sorted(
    {
      f"{record['split']}/{name}"
      for records in runs.values()
      for record in records
      for name in record
      if name not in ("split", "step", "epoch")
    }
  )
