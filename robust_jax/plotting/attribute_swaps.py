"""Picture of attribute swaps: images decoded under other labels."""

import pathlib
from collections.abc import Sequence

import matplotlib.patches
import numpy as np

from robust_jax.plotting.image_grid import tiled
from robust_jax.plotting.style import HIGHLIGHT, new_figure, save_figure


def draw_attribute_swaps(
  path: pathlib.Path,
  images: np.ndarray,
  rows: Sequence[str],
  columns: Sequence[str],
  *,
  originals: Sequence[tuple[int, int]] = (),
  axes_labels: tuple[str, str] = ("", ""),
) -> None:
  """Draws a table of images, with a frame around the originals.

  Args:
    path: path of the picture.
    images: `[R, N, H, W, C]` in [0, 1], C of 1 or 3.
    rows: names of the R rows.
    columns: names of the N columns.
    originals: (row, column) of each original.
    axes_labels: labels of the vertical and the horizontal axis.
  """
  images = np.asarray(images)
  num_rows, num_columns, height, width, _ = images.shape
  gap = max(1, height // 9)  # pixels
  figure = new_figure(
    0.45 * num_columns + 0.8, 0.45 * num_rows * height / width + 0.8
  )
  axis = figure.subplots()
  axis.imshow(tiled(images, gap), cmap="gray", vmin=0, vmax=1)
  step = np.array([height + gap, width + gap])
  for row, column in originals:
    # In the gap around the image, without touching the next frame.
    top, left = np.array([row, column]) * step - 0.5 - gap / 3
    frame = matplotlib.patches.Rectangle(
      (left, top),
      width + 2 * gap / 3,
      height + 2 * gap / 3,
      fill=False,
      edgecolor=HIGHLIGHT,
      lw=1.4,
      clip_on=False,
    )
    axis.add_patch(frame)
  axis.set_yticks(np.arange(num_rows) * step[0] + (height - 1) / 2, rows)
  axis.set_xticks(np.arange(num_columns) * step[1] + (width - 1) / 2, columns)
  axis.xaxis.tick_top()
  axis.xaxis.set_label_position("top")
  axis.set_ylabel(axes_labels[0], fontsize=9)
  axis.set_xlabel(axes_labels[1], fontsize=9)
  axis.tick_params(length=0, labelsize=8)
  axis.spines[:].set_visible(False)
  save_figure(figure, path)
