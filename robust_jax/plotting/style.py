"""The style of all figures: palette, lines, axes, and how they are saved."""

import pathlib
from typing import Any

import matplotlib.figure
from matplotlib.axes import Axes

from robust_jax.files import atomic_write

# The first six colors are for lines, all ten for classes.
PALETTE = (
  "#0b6e99",
  "#c8553d",
  "#588157",
  "#8d6a9f",
  "#b08900",
  "#444444",
  "#3aa6a0",
  "#d98ba5",
  "#7f4f24",
  "#6f7fd8",
)
HIGHLIGHT = PALETTE[1]
CORRECT, MISCLASSIFIED = PALETTE[2], PALETTE[1]
GRAY, LIGHT_GRAY = "#777777", "#cccccc"
SEQUENTIAL = "Blues"  # one hue from light to dark, which reads without color

_LINE_COLORS = PALETTE[:6]
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v")
_DPI = 130


def line_style(index: int, *, marker: bool = False) -> dict[str, Any]:
  """Makes matplotlib's keywords of the index-th line of a figure.

  Neighboring lines differ in their dashes too, so they can be told apart
  without color. The first 12 lines all differ; with markers, the first 60.

  Args:
    index: number of the line, from 0.
    marker: whether the line has markers.

  Example:
    >>> from robust_jax.plotting.style import line_style
    >>> line_style(1)
    {'color': '#c8553d', 'linestyle': '--'}
  """
  style: dict[str, Any] = {
    "color": _LINE_COLORS[index % len(_LINE_COLORS)],
    "linestyle": _DASHES[index % len(_DASHES)],
  }
  if marker:
    style["marker"] = _MARKERS[index % len(_MARKERS)]
  return style


def new_figure(width: float, height: float) -> matplotlib.figure.Figure:
  """Makes an empty figure; width and height are in inches."""
  return matplotlib.figure.Figure((width, height), layout="constrained")


def finish_axis(axis: Axes, *, legend: bool = True) -> None:
  """Adds a grid and a legend to the axis of a curve, and removes its frame."""
  axis.grid(alpha=0.3)
  axis.spines[["top", "right"]].set_visible(False)
  if legend:
    axis.legend(frameon=False, fontsize=8)


def show_image(axis: Axes, image: Any) -> None:
  """Draws an image `[H, W, C]` in [0, 1], C of 1 or 3, without ticks."""
  gray = image.shape[-1] == 1
  axis.imshow(image[..., 0] if gray else image, cmap="gray", vmin=0, vmax=1)
  axis.set(xticks=[], yticks=[])


def save_figure(figure: matplotlib.figure.Figure, path: pathlib.Path) -> None:
  """Writes a figure atomically; the suffix of the path gives the format."""
  with atomic_write(path) as new:
    figure.savefig(new, dpi=_DPI)
