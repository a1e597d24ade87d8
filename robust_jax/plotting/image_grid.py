"""Images beside each other in one picture, pixel by pixel."""

import math
import pathlib

import matplotlib.image
import numpy as np

from robust_jax.files import atomic_write


def tiled(images: np.ndarray, gap: int) -> np.ndarray:
  """Tiles images into one, with white gaps.

  Args:
    images: `[R, N, H, W, C]` in [0, 1], C of 1 or 3.
    gap: number of pixels between two images.

  Returns:
    `[R (H + gap) - gap, N (W + gap) - gap]`, and a last axis C if it is 3.

  Example:
    >>> import numpy as np
    >>> from robust_jax.plotting.image_grid import tiled
    >>> tiled(np.zeros((1, 2, 1, 1, 1)), gap=1).tolist()
    [[0.0, 1.0, 0.0]]
  """
  edges = ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0))
  padded = np.pad(images, edges, constant_values=1.0)
  num_rows, num_columns, height, width, channels = padded.shape
  whole = padded.swapaxes(1, 2).reshape(
    num_rows * height, num_columns * width, channels
  )[: num_rows * height - gap, : num_columns * width - gap]
  return whole[..., 0] if channels == 1 else whole


def save_image_grid(
  path: pathlib.Path,
  images: np.ndarray,
  gap: int = 2,
  *,
  columns: int | None = None,
) -> None:
  """Writes images as a picture of rows and columns.

  Args:
    path: path of the picture; its suffix gives the format.
    images: `[N, H, W, C]` in [0, 1], C of 1 or 3, in reading order. What is
      left of the last row is white.
    gap: number of pixels between two images.
    columns: number of columns; None for about as many as rows.
  """
  images = np.asarray(images)
  columns = columns or math.ceil(math.sqrt(len(images)))
  missing = -len(images) % columns
  filled = np.pad(
    images, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=1.0
  )
  rows = filled.reshape(-1, columns, *images.shape[1:])
  whole = np.uint8(np.round(255 * tiled(rows, gap)))
  if whole.ndim == 2:
    whole = np.repeat(whole[..., None], 3, axis=-1)
  with atomic_write(path) as new:
    matplotlib.image.imsave(new, whole)
