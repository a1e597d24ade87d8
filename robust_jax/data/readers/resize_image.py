"""Images at another size, as two libraries make them."""

import numpy as np

from robust_jax.data.readers.decode import library

_PILLOW = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
_OPENCV = {
  "nearest": "INTER_NEAREST",
  "bilinear": "INTER_LINEAR",
  "area": "INTER_AREA",
  "bicubic": "INTER_CUBIC",
  "lanczos": "INTER_LANCZOS4",
}
RESIZERS = (
  *(f"pillow_{name}" for name in _PILLOW),
  *(f"opencv_{name}" for name in _OPENCV),
)
"""Pillow's widen their filters where they reduce, against aliases; OpenCV's do
not, apart from area."""


def resize(
  image: np.ndarray, size: tuple[int, int], resizer: str = "pillow_bilinear"
) -> np.ndarray:
  """uint8 `[H, W, C]`, C 1 or 3, at another height and width.

  Args:
    image: the image.
    size: height and width expected.
    resizer: one of `RESIZERS`.

  Raises:
    ValueError: there is no such resizer, or its package is not installed.
  """
  if resizer not in RESIZERS:
    raise ValueError(
      f"resizer = '{resizer}': expected one of {', '.join(RESIZERS)}."
    )
  name, _, way = resizer.partition("_")
  height, width = size
  plane = image[..., 0] if image.shape[-1] == 1 else image
  if name == "pillow":
    pillow = library("PIL.Image")
    picture = pillow.fromarray(np.ascontiguousarray(plane))
    method = pillow.Resampling[way.upper()]
    resized = np.asarray(picture.resize((width, height), method))
  else:
    cv2 = library("cv2")
    method = getattr(cv2, _OPENCV[way])
    plane = np.ascontiguousarray(plane)
    resized = cv2.resize(plane, (width, height), interpolation=method)
  return resized.reshape(height, width, image.shape[-1])
