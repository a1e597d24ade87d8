"""Pictures of images redrawn under other labels."""

import pathlib
from collections.abc import Sequence

import matplotlib.figure
import matplotlib.patches
import numpy as np

from robust_jax.files import atomic_write

_MARK = "#c8553d"


def draw_attribute_swaps(
  path: pathlib.Path,
  images: np.ndarray,
  rows: Sequence[str],
  columns: Sequence[str],
  *,
  originals: Sequence[tuple[int, int]] = (),
  axes_labels: tuple[str, str] = ("", ""),
) -> None:
  """A table of images, originals among them in a frame.

  Args:
    path: of the picture.
    images: `[R, N, H, W, C]` in [0, 1], C of 1 or 3.
    rows: names, R.
    columns: names, N.
    originals: (row, column) of those to frame.
    axes_labels: what the rows are, what the columns are.
  """
  images = np.asarray(images)
  num_rows, num_columns, height, width, _ = images.shape
  gap = max(1, height // 9)  # pixels
  figure = matplotlib.figure.Figure(
    (0.45 * num_columns + 0.8, 0.45 * num_rows * height / width + 0.8),
    layout="constrained",
  )
  axis = figure.subplots()
  axis.imshow(_tiled(images, gap), cmap="gray", vmin=0, vmax=1)
  step = np.array([height + gap, width + gap])
  for row, column in originals:
    # In the gap around the image, clear of the next frame.
    top, left = np.array([row, column]) * step - 0.5 - gap / 3
    frame = matplotlib.patches.Rectangle(
      (left, top),
      width + 2 * gap / 3,
      height + 2 * gap / 3,
      fill=False,
      edgecolor=_MARK,
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
  with atomic_write(path) as new:
    figure.savefig(new, dpi=130)


def _tiled(images, gap):
  """`[R, N, H, W, C]` -> one image, with white gaps."""
  edges = ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0))
  padded = np.pad(images, edges, constant_values=1.0)
  num_rows, num_columns, height, width, channels = padded.shape
  whole = padded.swapaxes(1, 2).reshape(
    num_rows * height, num_columns * width, channels
  )[:-gap, :-gap]
  return whole[..., 0] if channels == 1 else whole
