"""Resizing of images by two libraries."""

import numpy as np

from robust_jax.data.readers.decode import import_library

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
"""Names of resizing methods.

Those of Pillow antialias when they reduce an image; of those of OpenCV only
"area" does."""


def resize(
  image: np.ndarray, size: tuple[int, int], resizer: str = "pillow_bilinear"
) -> np.ndarray:
  """Resizes an image.

  Args:
    image: uint8 `[H, W, C]`, C 1 or 3.
    size: new height and width.
    resizer: one of `RESIZERS`.

  Returns:
    uint8 `[height, width, C]`.

  Raises:
    ValueError: the resizer is unknown, or its package is not installed.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.readers.resize_image import resize
    >>> resize(np.zeros((4, 6, 3), np.uint8), (2, 3)).shape
    (2, 3, 3)
  """
  if resizer not in RESIZERS:
    raise ValueError(
      f"resizer = '{resizer}': expected one of {', '.join(RESIZERS)}."
    )
  name, _, way = resizer.partition("_")
  height, width = size
  plane = image[..., 0] if image.shape[-1] == 1 else image
  if name == "pillow":
    pillow = import_library("PIL.Image")
    picture = pillow.fromarray(np.ascontiguousarray(plane))
    method = pillow.Resampling[way.upper()]
    resized = np.asarray(picture.resize((width, height), method))
  else:
    cv2 = import_library("cv2")
    method = getattr(cv2, _OPENCV[way])
    plane = np.ascontiguousarray(plane)
    resized = cv2.resize(plane, (width, height), interpolation=method)
  return resized.reshape(height, width, image.shape[-1])
