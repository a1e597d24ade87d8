"""Pictures of an evaluation: training, robust accuracy, examples."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from robust_jax.plotting.style import (
  CORRECT,
  GRAY,
  MISCLASSIFIED,
  finish_axis,
  line_style,
  new_figure,
  save_figure,
  show_image,
)


def draw_training(
  path: pathlib.Path, records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
  """Draws training loss and held-out accuracies against epochs.

  Args:
    path: path of the picture.
    records: model -> records of its `metrics.jsonl`.
  """
  figure = new_figure(9, 3.6)
  axes = figure.subplots(1, 2)
  for index, (model, rows) in enumerate(records.items()):
    style = line_style(index, marker=True)
    train = [r for r in rows if r["split"] == "train"]
    held_out = [r for r in rows if r["split"] == "validation"]
    axes[0].plot(*_column(train, "loss"), **line_style(index), label=model)
    for name, line in (("accuracy", "-"), ("robust_accuracy", "--")):
      label = "clean" if name == "accuracy" else "attacked"
      axes[1].plot(
        *_column(held_out, name),
        **style | {"linestyle": line},
        ms=3,
        label=f"{model}: {label}",
      )
  axes[0].set(xlabel="epoch", ylabel="loss on its own training batches")
  axes[0].set_yscale("log")
  axes[1].set(xlabel="epoch", ylabel="held-out accuracy", ylim=(-0.02, 1.02))
  for axis in axes:
    finish_axis(axis)
  save_figure(figure, path)


def draw_curve(
  path: pathlib.Path,
  radii: Sequence[float],
  curves: Mapping[str, Sequence[float]],
  eps: float | None,
  measured: str,
) -> None:
  """Draws robust accuracy against the radius.

  Args:
    path: path of the picture.
    radii: radius of each point.
    curves: model -> accuracy at each radius.
    eps: the radius of the threat model, which is marked; None for no mark.
    measured: label of the axis, such as "accuracy under PGD".
  """
  figure = new_figure(5.6, 3.8)
  axis = figure.subplots()
  for index, (model, fractions) in enumerate(curves.items()):
    style = line_style(index, marker=True)
    axis.plot(radii, fractions, **style, ms=4, label=model)
  if eps is not None:
    axis.axvline(eps, color=GRAY, lw=1)
    axis.annotate(
      f" eps = {eps:g}", (eps, 1.0), color=GRAY, fontsize=8, va="top"
    )
  axis.set(
    xlabel="eps, radius of the perturbation (1 = black to white)",
    ylabel=measured,
    ylim=(-0.02, 1.02),
  )
  finish_axis(axis)
  save_figure(figure, path)


def draw_examples(
  path: pathlib.Path,
  x: np.ndarray,
  labels: np.ndarray,
  attacked: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> None:
  """Draws images; per model their magnified perturbation and the result.

  Args:
    path: path of the picture.
    x: clean images `[N, H, W, C]` in [0, 1].
    labels: classes `[N]`.
    attacked: model -> (adversarial images, the model's predictions `[N]`).
  """
  num_rows = 1 + 2 * len(attacked)
  figure = new_figure(1.05 * len(x) + 1.6, 1.25 * num_rows)
  axes = figure.subplots(num_rows, len(x), squeeze=False)
  _draw_row(
    axes[0], x, "original", [f"{y}" for y in labels], ["black"] * len(x)
  )
  for i, (model, (x_adv, predictions)) in enumerate(attacked.items()):
    delta = x_adv - x
    scale = 0.5 / max(np.abs(delta).max(), 1e-12)
    title = f"{model}:\nperturbation x {scale:.1f}"
    _draw_row(axes[1 + 2 * i], 0.5 + scale * delta, title)
    is_correct = predictions == labels
    captions = [
      f"{a} ✓" if ok else f"{a} ✗"
      for a, ok in zip(predictions, is_correct, strict=True)
    ]
    colors = [CORRECT if ok else MISCLASSIFIED for ok in is_correct]
    title = f"{model}:\nprediction"
    _draw_row(axes[2 + 2 * i], x_adv, title, captions, colors)
  save_figure(figure, path)


def _draw_row(
  axes: Sequence[Axes],
  images: np.ndarray,
  title: str,
  captions: Sequence[str] = (),
  colors: Sequence[str] = (),
) -> None:
  axes[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
  for axis, image in zip(axes, images, strict=True):
    show_image(axis, image)
  for axis, caption, color in zip(axes, captions, colors, strict=False):
    axis.set_title(caption, fontsize=8, color=color, pad=2)


def _column(records, name):
  rows = [r for r in records if name in r]
  return [r["epoch"] for r in rows], [r[name] for r in rows]
