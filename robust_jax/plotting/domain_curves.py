"""Losses and accuracies of domain adaptation over time."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from robust_jax.files import atomic_write
from robust_jax.plotting.line_style import line_style


class Curve(NamedTuple):
  """One panel: a metric of the log.

  Attributes:
    split: of the records that have it.
    metric: its name there.
    title: what stands above the panel.
    guess: the value that guessing has, drawn as a level; None for no level.
    is_fraction: whether it is a fraction, drawn from 0 to 1.
  """

  split: str
  metric: str
  title: str
  guess: float | None = None
  is_fraction: bool = False


def draw_domain_curves(
  path: pathlib.Path,
  runs: Mapping[str, Sequence[Mapping[str, float | str]]],
  curves: Sequence[Curve],
) -> None:
  """One panel per curve, one line per run, against the training step.

  A domain classifier at the level of guessing may have met features that match
  or may have given up, and one that errs little may have moved them all the
  same: it tells neither success nor failure. Which metrics to show, and that
  one of them uses labels that a user does not have, is for the titles to say.

  Args:
    path: of the picture.
    runs: name -> records, as `training.log.read` gives them. A run without
      some metric, such as one that knows no domains, has no line there.
    curves: of each panel, from left to right, two to a row.

  Raises:
    ValueError: no run has some metric; what there is is listed.
  """
  import matplotlib.figure

  num_rows = (len(curves) + 1) // 2
  figure = matplotlib.figure.Figure(
    (9.0, 2.9 * num_rows + 0.4), layout="constrained"
  )
  axes = figure.subplots(num_rows, 2, sharex=True, squeeze=False).ravel()
  for axis, curve in zip(axes, curves, strict=False):
    _draw(axis, runs, curve)
  for axis in axes[len(curves) :]:
    axis.set_visible(False)
  for axis in axes[max(0, len(curves) - 2) : len(curves)]:
    axis.set_xlabel("training step")
    axis.locator_params("x", nbins=5)  # steps of five digits touch otherwise
    axis.tick_params(labelbottom=True)
  # All runs once: a line may be missing from some panels.
  handles = [_line(i) for i in range(len(runs))]
  figure.legend(
    handles,
    list(runs),
    loc="outside lower center",
    ncols=min(len(runs), 4),
    frameon=False,
    fontsize=8,
  )
  with atomic_write(path) as new:
    figure.savefig(new, dpi=130)


def points(
  records: Sequence[Mapping[str, float | str]], split: str, metric: str
) -> tuple[list[float], list[float]]:
  """Steps, and the metric at each, of the records of a split that have it."""
  found = [r for r in records if r["split"] == split and metric in r]
  return [r["step"] for r in found], [r[metric] for r in found]


def _draw(axis, runs, curve):
  lines = [points(r, curve.split, curve.metric) for r in runs.values()]
  if not any(steps for steps, _ in lines):
    raise ValueError(
      f"no run has '{curve.metric}' in a record of '{curve.split}'; "
      f"they have {', '.join(_metrics(runs)) or 'nothing'}."
    )
  for i, (steps, values) in enumerate(lines):
    axis.add_line(_line(i, steps, values))
  if curve.guess is not None:
    axis.axhline(curve.guess, color="#999999", lw=0.8, zorder=0)
    axis.annotate(
      "guessing",
      (1, curve.guess),
      xycoords=("axes fraction", "data"),
      xytext=(3, 0),
      textcoords="offset points",
      va="center",
      fontsize=7,
      color="#666666",
    )
  axis.autoscale_view()
  if curve.is_fraction:
    axis.set_ylim(-0.02, 1.02)
  axis.set_title(curve.title, fontsize=10)
  axis.grid(alpha=0.3)
  axis.spines[["top", "right"]].set_visible(False)


def _line(index, steps=(), values=()):
  from matplotlib.lines import Line2D

  return Line2D(
    steps,
    values,
    **line_style(index),
    # A run of a single record is a point, not an invisible line.
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
