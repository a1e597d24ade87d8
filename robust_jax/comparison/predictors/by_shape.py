"""Images of several sizes, as arrays of one size each."""

from collections.abc import Callable, Sequence

import numpy as np


def by_shape(
  images: Sequence[np.ndarray], answer: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
  """`answer` to each image `[H, W, C]`, asked about all of a shape at once.

  Args:
    images: of any shapes.
    answer: `[n, H, W, C]` -> `[n, ...]`.

  Returns:
    `[N, ...]`, in the order of the images.
  """
  shapes = [image.shape for image in images]
  order, pieces = [], []
  for shape in dict.fromkeys(shapes):
    rows = [i for i, other in enumerate(shapes) if other == shape]
    pieces.append(answer(np.stack([images[i] for i in rows])))
    order += rows
  # `order` says where each row belongs; its inverse fetches it.
  return np.concatenate(pieces)[np.argsort(order)]
