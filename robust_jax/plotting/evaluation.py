"""What an evaluation leaves behind: a table, `report.json`, three pictures."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import numpy as np
import rich.box
import rich.console
import rich.table

from robust_jax.files import atomic_write
from robust_jax.plotting.line_style import line_style


def write_json(path: pathlib.Path, report: Mapping[str, Any]) -> None:
  """Writes the report whole or not at all."""
  with atomic_write(path) as new:
    new.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def table(
  accuracies: Mapping[str, Mapping[str, float]], title: str
) -> rich.table.Table:
  """Rows of measurements, one column of percentages per model.

  Args:
    accuracies: model -> measurement -> fraction of images answered right.
    title: above the table.
  """
  result = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD)
  result.add_column("accuracy under")
  for model in accuracies:
    result.add_column(model, justify="right")
  for row in next(iter(accuracies.values())):
    fractions = [f"{100 * model[row]:.2f} %" for model in accuracies.values()]
    result.add_row(row, *fractions)
  return result


def draw_training(
  path: pathlib.Path, records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
  """Training curves: loss, and accuracies on held-out data, against epochs.

  Args:
    path: of the picture.
    records: model -> records of its `metrics.jsonl`.
  """
  figure = matplotlib.figure.Figure((9, 3.6), layout="constrained")
  axes = figure.subplots(1, 2)
  for index, (model, rows) in enumerate(records.items()):
    style = line_style(index, marker=True)
    train = [r for r in rows if r["split"] == "train"]
    held_out = [r for r in rows if r["split"] == "validation"]
    color = {"color": style["color"]}
    axes[0].plot(
      *_column(train, "loss"), **color, ls=style["linestyle"], label=model
    )
    for name, line in (("accuracy", "-"), ("robust_accuracy", "--")):
      label = "clean" if name == "accuracy" else "attacked"
      axes[1].plot(
        *_column(held_out, name),
        **color,
        ls=line,
        marker=style["marker"],
        ms=3,
        label=f"{model}: {label}",
      )
  axes[0].set(xlabel="epoch", ylabel="loss on its own training batches")
  axes[0].set_yscale("log")
  axes[1].set(xlabel="epoch", ylabel="held-out accuracy", ylim=(-0.02, 1.02))
  for axis in axes:
    _finish(axis)
  _save(figure, path)


def draw_curve(
  path: pathlib.Path,
  radii: Sequence[float],
  curves: Mapping[str, Sequence[float]],
  eps: float | None,
  attack: str,
) -> None:
  """Robust accuracy against the radius.

  Args:
    path: of the picture.
    radii: the eps of each point.
    curves: model -> accuracy at each radius.
    eps: the radius of the threat model, marked; None marks none.
    attack: what was used, for the label.
  """
  figure = matplotlib.figure.Figure((5.6, 3.8), layout="constrained")
  axis = figure.subplots()
  for index, (model, fractions) in enumerate(curves.items()):
    style = line_style(index, marker=True)
    axis.plot(radii, fractions, **style, ms=4, label=model)
  if eps is not None:
    axis.axvline(eps, color="0.6", lw=1)
    axis.annotate(
      f" eps = {eps:g}", (eps, 1.0), color="0.4", fontsize=8, va="top"
    )
  axis.set(
    xlabel="eps, radius of the perturbation (1 = black to white)",
    ylabel=f"accuracy under {attack}",
    ylim=(-0.02, 1.02),
  )
  _finish(axis)
  _save(figure, path)


def draw_examples(
  path: pathlib.Path,
  x: np.ndarray,
  labels: np.ndarray,
  attacked: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> None:
  """A grid: originals; per model the magnified perturbation and the result.

  Args:
    path: of the picture.
    x: clean images `[N, H, W, C]` in [0, 1].
    labels: their classes `[N]`.
    attacked: model -> (adversarial images, the model's answers `[N]`).
  """
  num_rows = 1 + 2 * len(attacked)
  figure = matplotlib.figure.Figure(
    (1.05 * len(x) + 1.6, 1.25 * num_rows), layout="constrained"
  )
  axes = figure.subplots(num_rows, len(x), squeeze=False)
  _draw_row(
    axes[0], x, "original", [f"{y}" for y in labels], ["black"] * len(x)
  )
  for i, (model, (x_adv, answers)) in enumerate(attacked.items()):
    delta = x_adv - x
    scale = 0.5 / max(np.abs(delta).max(), 1e-12)
    _draw_row(
      axes[1 + 2 * i], 0.5 + scale * delta, f"{model}:\nchange x {scale:.1f}"
    )
    right = answers == labels
    captions = [
      f"{a} ✓" if ok else f"{a} ✗" for a, ok in zip(answers, right, strict=True)
    ]
    colors = ["#588157" if ok else "#c8553d" for ok in right]
    _draw_row(axes[2 + 2 * i], x_adv, f"{model}:\nits answer", captions, colors)
  _save(figure, path)


def print_table(rows: rich.table.Table) -> None:
  """To the terminal."""
  rich.console.Console().print(rows)


def _draw_row(axes, images, title, captions=None, colors=None):
  axes[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
  for i, (axis, image) in enumerate(zip(axes, images, strict=True)):
    gray = image.shape[-1] == 1
    axis.imshow(image[..., 0] if gray else image, cmap="gray", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    if captions is not None:
      axis.set_title(captions[i], fontsize=8, color=colors[i], pad=2)


def _column(records, name):
  rows = [r for r in records if name in r]
  return [r["epoch"] for r in rows], [r[name] for r in rows]


def _finish(axis):
  axis.grid(alpha=0.3)
  axis.spines[["top", "right"]].set_visible(False)
  axis.legend(frameon=False, fontsize=8)


def _save(figure, path):
  with atomic_write(path) as new:
    figure.savefig(new, dpi=130)
