"""Images: uint8 `[H, W, C]`, of any shapes."""

import base64
import io
import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from robust_jax.comparison import families
from robust_jax.comparison.data_kinds._transform_images import transform_images
from robust_jax.comparison.prediction_kinds.base import PredictionKind
from robust_jax.comparison.prediction_kinds.classes import CLASSES
from robust_jax.data.readers.validate_dataset import defect_of_image

# Bytes of pixels per batch; transforming them takes about twenty times as much.
_BYTES = 2**24
_LARGEST_BATCH = 128
# Pixels of the longer side: up to which images are PNG, and the largest.
_SMALL, _LARGEST = 96, 224


class Images:
  """Images of any shapes, uint8 `[H, W, C]`; a `DataKind`.

  Example:
    >>> from robust_jax.comparison.data_kinds import Images
    >>> Images().batch_size((1024, 1024, 3))
    5
  """

  name = "images"
  families = families
  predictions: PredictionKind = CLASSES
  code = (
    "robust_jax.comparison.data_kinds._transform_images",
    "robust_jax.corruptions",
  )
  annotated = False
  may_keep = False
  defect = staticmethod(defect_of_image)
  transform = staticmethod(transform_images)

  def layout(self, x: np.ndarray) -> tuple[int, ...]:
    return x.shape

  def batch_size(self, layout: tuple[int, ...]) -> int:
    return batch_size(layout)

  def stack(self, examples: list[Any]) -> np.ndarray:
    """Stacks images, freeing each as it is copied."""
    pixels = np.empty((len(examples), *examples[0].shape), np.uint8)
    for place, image in enumerate(examples):
      pixels[place], examples[place] = image, None
    return pixels

  def to_bytes(self, x: np.ndarray) -> bytes:
    return repr(x.shape).encode() + np.ascontiguousarray(x).tobytes()

  def facts(self, inputs: Sequence[np.ndarray]) -> Collection[tuple[int, ...]]:
    """Returns the shapes (H, W, C) of the images."""
    return [pixels.shape[1:] for pixels in inputs]

  def seen(self, x: np.ndarray) -> np.ndarray:
    return x

  def describe(self, inputs: np.ndarray) -> str:
    return f"images of shape {list(inputs.shape[1:])}"

  def report(self, inputs: Sequence[np.ndarray]) -> dict[str, Any]:
    return {
      "shapes": [
        {"shape": list(pixels.shape[1:]), "images": len(pixels)}
        for pixels in inputs
      ]
    }

  def show(self, clean: np.ndarray, changed: np.ndarray) -> dict[str, Any]:
    """Returns the two as data URLs, and whether they are small."""
    return {
      "clean": data_url(clean),
      "changed": data_url(changed),
      "small": max(clean.shape[:2]) <= _SMALL,
    }


IMAGES = Images()


def batch_size(shape: Sequence[int], largest: int = _LARGEST_BATCH) -> int:
  """Returns the number of images per batch that fit into memory.

  Args:
    shape: shape (H, W, C) of an image, or of several that belong together.
    largest: upper bound.

  Returns:
    From 1 to `largest`; a multiple of 8 if it is 8 or more, so that few
    programs are compiled.

  Example:
    >>> from robust_jax.comparison.data_kinds.images import batch_size
    >>> batch_size((32, 32, 3)), batch_size((1024, 1024, 3))
    (128, 5)
  """
  fit = min(largest, _BYTES // math.prod(shape))
  return max(1, fit if fit < 8 else fit // 8 * 8)


def data_url(image: np.ndarray) -> str:
  """Encodes an image uint8 `[H, W, C]` as a data URL.

  Small images are PNG, exactly as evaluated. Large ones would take megabytes,
  so they are reduced and JPEG.
  """
  import PIL.Image

  gray = image.shape[-1] == 1
  picture = PIL.Image.fromarray(image[..., 0] if gray else image)
  kind = "png"
  options: dict[str, Any] = {"optimize": True}
  if max(picture.size) > _SMALL:
    picture.thumbnail((_LARGEST, _LARGEST))
    kind, options = "jpeg", {"quality": 92}
  file = io.BytesIO()
  picture.save(file, kind, **options)
  text = base64.b64encode(file.getvalue()).decode()
  return f"data:image/{kind};base64,{text}"
