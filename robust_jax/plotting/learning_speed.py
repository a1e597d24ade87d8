"""The picture of accuracy after fine-tuning against compute of pre-training."""

import pathlib
from collections.abc import Mapping

import numpy as np

from robust_jax.plotting.style import (
  finish_axis,
  line_style,
  new_figure,
  save_figure,
)


def draw_learning_speed(
  path: pathlib.Path,
  points: Mapping[str, Mapping[str, Mapping[float, list[float]]]],
) -> None:
  """Draws the mean over seeds, and the range of these, for each method.

  Args:
    path: path of the picture.
    points: task -> method -> PFLOP of pre-training -> accuracies in percent.
      A method with one number of PFLOP, such as 0, is a horizontal line.
  """
  figure = new_figure(4.4 * len(points), 3.6)
  axes = figure.subplots(1, len(points), squeeze=False)[0]
  for axis, (task, methods) in zip(axes, points.items(), strict=True):
    for i, (method, found) in enumerate(methods.items()):
      compute = sorted(found)
      mean = [float(np.mean(found[c])) for c in compute]
      if len(compute) == 1:
        axis.axhline(mean[0], label=method, **line_style(i))
        continue
      axis.plot(compute, mean, label=method, **line_style(i, marker=True))
      axis.fill_between(
        compute,
        [min(found[c]) for c in compute],
        [max(found[c]) for c in compute],
        color=line_style(i)["color"],
        alpha=0.15,
        linewidth=0,
      )
    axis.set(title=task, xlabel="PFLOP of pre-training", ylabel="accuracy, %")
    finish_axis(axis)
  save_figure(figure, path)
