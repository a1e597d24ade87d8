"""The picture of accuracy against robustness, one dot per method."""

import math
import pathlib
from collections.abc import Mapping

from robust_jax.plotting.style import (
  PALETTE,
  finish_axis,
  new_figure,
  save_figure,
)

_AREA = 60.0  # of the dot of median time, in points squared


def draw_trade_off(
  path: pathlib.Path,
  points: Mapping[str, tuple[float, float, float]],
  attack: str,
) -> None:
  """Draws clean against robust accuracy; the area of a dot is training time.

  Args:
    path: path of the picture.
    points: method -> clean accuracy and accuracy under attack in percent, and
      seconds of training.
    attack: name of the attack, for the axis.
  """
  figure = new_figure(7.5, 5)
  axis = figure.subplots()
  seconds = sorted(time for _, _, time in points.values())
  median = max(seconds[len(seconds) // 2], 1e-9)
  for index, (method, (clean, robust, time)) in enumerate(points.items()):
    axis.scatter(
      clean,
      robust,
      s=_AREA * max(time / median, 0.05),
      color=PALETTE[index % len(PALETTE)],
      alpha=0.7,
      linewidths=0,
    )
    radius = math.sqrt(_AREA * max(time / median, 0.05) / math.pi)
    axis.annotate(
      f"{method}, {time:.0f} s",
      (clean, robust),
      xytext=(radius + 3, -3),
      textcoords="offset points",
      fontsize=8,
    )
  axis.set(xlabel="clean accuracy, %", ylabel=f"accuracy under {attack}, %")
  axis.margins(0.15)
  finish_axis(axis, legend=False)
  save_figure(figure, path)
