"""Datasets of images with boxes around their objects."""

from collections.abc import Sequence

import numpy as np

from robust_jax import boxes as geometry
from robust_jax import checks
from robust_jax.boxes import AnnotatedImage
from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.images import decode_images
from robust_jax.data.readers.reader import Reader

MAX_BOXES = 64


def detection_dataset(
  name: str, reader: Reader, max_boxes: int = MAX_BOXES
) -> Dataset:
  """Makes a dataset of annotated images of one size, held in memory.

  Boxes are clipped to the image. Those without area, those of regions to ignore
  and the smallest of an image that has more than `max_boxes` are left out of
  the targets, and counted in `info["left_out"]`.

  Args:
    name: name in error messages.
    reader: a reader whose examples are `boxes.AnnotatedImage`.
    max_boxes: G, the number of slots for the boxes of an image.

  Returns:
    A `Dataset` of images `x` and padded objects `y`: "boxes" `[G, 4]` in
    pixels, "classes" `[G]` int32 and "present" `[G]`, 1 for an object. Its info
    has `num_classes`, `class_names`, `image_shape` and `left_out`.

  Raises:
    ValueError: there are no examples, or their images differ in size.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import AnnotatedImage, Annotations
    >>> from robust_jax.data.detection import detection_dataset
    >>> from robust_jax.data.readers.reader import Sample
    >>> box, image = np.float32([[1, 2, 9, 6]]), np.zeros((8, 8, 3), np.uint8)
    >>> objects = Annotations(box, np.array([0]), np.array([False]))
    >>> class Reader(list):
    ...   class_names = ("helmet",)
    ...   get = list.__getitem__
    >>> one = Sample("a", AnnotatedImage(image, objects), None)
    >>> dataset = detection_dataset("helmets", Reader([one]), max_boxes=2)
    >>> dataset.read([0])["y"]["boxes"].tolist()
    [[[1.0, 2.0, 8.0, 6.0], [0.0, 0.0, 0.0, 0.0]]]
  """
  checks.at_least_one("max_boxes", max_boxes)
  if not len(reader):
    raise ValueError(f"'{name}' has no images: expected one or more.")
  images: list[np.ndarray] = []
  y = {
    "boxes": np.zeros((len(reader), max_boxes, 4), np.float32),
    "classes": np.zeros((len(reader), max_boxes), np.int32),
    "present": np.zeros((len(reader), max_boxes), np.float32),
  }
  left_out = 0
  for row in range(len(reader)):
    sample = reader.get(row)
    images.append(_of_one_size(name, sample.id, sample.x, images))
    boxes, classes = _objects(sample.x, max_boxes)
    left_out += len(sample.x.annotations.boxes) - len(boxes)
    y["boxes"][row, : len(boxes)] = boxes
    y["classes"][row, : len(boxes)] = classes
    y["present"][row, : len(boxes)] = 1
  names: Sequence[str] = tuple(reader.class_names)
  info = {
    "num_classes": len(names),
    "class_names": names,
    "image_shape": images[0].shape,
    "left_out": left_out,
  }
  return from_arrays(name, {"x": np.stack(images), "y": y}, decode_images, info)


def _of_one_size(
  name: str, id_: str, x: AnnotatedImage, images: list[np.ndarray]
) -> np.ndarray:
  expected = images[0].shape if images else x.image.shape
  if x.image.shape != expected:
    raise ValueError(
      f"image '{id_}' of '{name}' has the shape {x.image.shape}: expected "
      f"{expected}, as the images before it; resize them to one size."
    )
  return x.image


def _objects(
  x: AnnotatedImage, max_boxes: int
) -> tuple[np.ndarray, np.ndarray]:
  """Boxes and classes of the largest objects, in the order that they have."""
  boxes = geometry.clip(x.annotations.boxes, *x.image.shape[:2])
  area = np.where(x.annotations.ignored, 0.0, geometry.area(boxes))
  largest = np.argsort(-area, kind="stable")[:max_boxes]
  kept = np.sort(largest[area[largest] > 0])
  return boxes[kept], x.annotations.classes[kept]
