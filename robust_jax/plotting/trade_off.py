"""The picture of accuracy against robustness, one dot per method."""

import pathlib
from collections.abc import Mapping

from robust_jax.plotting.style import (
  PALETTE,
  finish_axis,
  new_figure,
  save_figure,
)

_AREA = 60.0  # of the dot of median time, in points squared
_SMALLEST = 12.0
_MARKERS = ("o", "s", "^", "D", "v")


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
  figure = new_figure(7.5, 4.2)
  axis = figure.subplots()
  seconds = sorted(time for _, _, time in points.values())
  median = max(seconds[len(seconds) // 2], 1e-9)
  for index, (method, (clean, robust, time)) in enumerate(points.items()):
    axis.scatter(
      clean,
      robust,
      s=max(_AREA * time / median, _SMALLEST),
      color=PALETTE[index % len(PALETTE)],
      marker=_MARKERS[index // len(PALETTE) % len(_MARKERS)],
      alpha=0.8,
      linewidths=0,
      label=f"{method}, {time:.0f} s",
    )
  axis.set(xlabel="clean accuracy, %", ylabel=f"accuracy under {attack}, %")
  axis.margins(0.08)
  finish_axis(axis, legend=False)
  figure.legend(
    loc="outside right upper",
    frameon=False,
    fontsize=8,
    title="area: seconds of training",
    title_fontsize=8,
  )
  save_figure(figure, path)
