"""Evaluation of images of several shapes, one shape at a time."""

from collections.abc import Callable, Sequence

import numpy as np


def by_shape(
  images: Sequence[np.ndarray], fn: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
  """Applies a function to images of any shapes, all of one shape at a time.

  Args:
    images: images `[H, W, C]`.
    fn: `[n, H, W, C] -> [n, ...]`.

  Returns:
    `[N, ...]`, in the order of the images.
  """
  shapes = [image.shape for image in images]
  order: list[int] = []
  pieces = []
  for shape in dict.fromkeys(shapes):
    rows = [i for i, other in enumerate(shapes) if other == shape]
    pieces.append(fn(np.stack([images[i] for i in rows])))
    order += rows
  # `order` maps rows to images; its inverse restores the order.
  return np.concatenate(pieces)[np.argsort(order)]
