"""Images with boxes around their objects: `boxes.AnnotatedImage`."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from robust_jax.boxes import AnnotatedImage, Annotations
from robust_jax.comparison import families
from robust_jax.comparison.data_kinds._transform_images import transform_images
from robust_jax.comparison.data_kinds.images import IMAGES, data_url
from robust_jax.comparison.move_boxes import move_annotations
from robust_jax.comparison.prediction_kinds.base import PredictionKind
from robust_jax.comparison.prediction_kinds.detections import DETECTIONS
from robust_jax.comparison.transformation import Transformation
from robust_jax.data.readers.validate_dataset import Defect, defect_of_image
from robust_jax.types import Model

Inputs = tuple[AnnotatedImage, ...]


class AnnotatedImages:
  """Images of any shapes, with boxes that move with them; a `DataKind`.

  Example:
    >>> from robust_jax.comparison.data_kinds import AnnotatedImages
    >>> AnnotatedImages().defect("a text")
    ('not an annotated image', 'str: expected an image with annotations.')
  """

  name = "annotated_images"
  families = families
  predictions: PredictionKind = DETECTIONS
  code = (
    "robust_jax.comparison.data_kinds._transform_images",
    "robust_jax.comparison.move_boxes",
    "robust_jax.corruptions",
  )
  annotated = True
  may_keep = False

  def defect(self, x: Any) -> Defect | None:
    if not isinstance(x, AnnotatedImage):
      message = f"{type(x).__name__}: expected an image with annotations."
      return "not an annotated image", message
    return defect_of_image(x.image)

  def layout(self, x: AnnotatedImage) -> tuple[int, ...]:
    return x.image.shape

  def batch_size(self, layout: tuple[int, ...]) -> int:
    return IMAGES.batch_size(layout)

  def stack(self, examples: list[Any]) -> Inputs:
    return tuple(examples)

  def to_bytes(self, x: AnnotatedImage) -> bytes:
    return IMAGES.to_bytes(x.image) + b"".join(
      part.tobytes() for part in x.annotations
    )

  def facts(self, inputs: Sequence[Inputs]) -> Collection[tuple[int, ...]]:
    """Returns the shapes (H, W, C) of the images."""
    return [group[0].image.shape for group in inputs]

  def seen(self, x: AnnotatedImage) -> np.ndarray:
    return x.image

  def describe(self, inputs: Inputs) -> str:
    return f"images of shape {list(inputs[0].image.shape)}"

  def report(self, inputs: Sequence[Inputs]) -> dict[str, Any]:
    """Returns shapes, and numbers of boxes."""
    boxes = [x.annotations for group in inputs for x in group]
    return {
      "shapes": [
        {"shape": list(group[0].image.shape), "images": len(group)}
        for group in inputs
      ],
      "boxes": sum(int((~one.ignored).sum()) for one in boxes),
      "ignored": sum(int(one.ignored.sum()) for one in boxes),
      "without_boxes": sum(len(one.ignored) == 0 for one in boxes),
    }

  def transform(
    self,
    transformation: Transformation,
    inputs: Inputs,
    numbers: np.ndarray,
    level: int,
    seed: int,
    batch_size: int,
    labels: np.ndarray | None = None,
    logits_fn: Model | None = None,
  ) -> Inputs:
    images = transform_images(
      transformation,
      np.stack([x.image for x in inputs]),
      numbers,
      level,
      seed,
      batch_size,
      labels,
      logits_fn,
    )
    moved = self.annotations(
      transformation, inputs, numbers, level, seed, batch_size
    )
    return tuple(map(AnnotatedImage, images, moved))

  def annotations(
    self,
    transformation: Transformation,
    inputs: Inputs,
    numbers: np.ndarray,
    level: int,
    seed: int,
    batch_size: int,
  ) -> list[Annotations]:
    """Returns the annotations that transformed images have."""
    return move_annotations(
      transformation,
      [x.annotations for x in inputs],
      inputs[0].image.shape,
      numbers,
      level,
      seed,
      batch_size,
    )

  def show(
    self, clean: AnnotatedImage, changed: AnnotatedImage
  ) -> dict[str, Any]:
    """Returns the two as data URLs, with the shape of the image in pixels."""
    height, width, _ = clean.image.shape
    return {
      "clean": data_url(clean.image),
      "changed": data_url(changed.image),
      "height": height,
      "width": width,
    }


ANNOTATED_IMAGES = AnnotatedImages()
