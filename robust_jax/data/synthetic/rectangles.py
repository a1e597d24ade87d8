"""Painted rectangles: images of a few colored boxes, and where they are."""

import numpy as np

from robust_jax import checks
from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.images import decode_images

_COLORS = np.array([[220, 40, 40], [40, 80, 220], [40, 200, 60]])
_SMALLEST = 8


def rectangles(
  num_examples: int,
  seed: int = 0,
  size: int = 64,
  num_classes: int = 2,
  max_boxes: int = 3,
) -> Dataset:
  """Painted rectangles: objects of a color for each class on gray noise.

  Each image has between none and `max_boxes` of them, of 8 pixels to a third of
  the image, at places that are drawn until they do not overlap.

  Args:
    num_examples: number of images.
    seed: seed of the draw.
    size: height and width of the images.
    num_classes: number of colors, up to 3.
    max_boxes: the largest number of rectangles in an image.

  Returns:
    A `Dataset` like those of `data.detection`.

  Raises:
    ValueError: a number is not positive, or there are more classes than colors.

  Example:
    >>> from robust_jax.data import synthetic
    >>> images = synthetic.rectangles(4, size=32)
    >>> images.spec["x"].shape, images.spec["y"]["boxes"].shape
    ((32, 32, 3), (3, 4))
  """
  for name, value in (("num_examples", num_examples), ("max_boxes", max_boxes)):
    checks.at_least_one(name, value)
  checks.at_least_one("num_classes", num_classes)
  checks.at_most("num_classes", num_classes, len(_COLORS))
  if size < 3 * _SMALLEST:
    raise ValueError(f"size = {size}: expected {3 * _SMALLEST} or more.")
  draw = np.random.default_rng(seed)
  x = draw.integers(90, 160, (num_examples, size, size, 3)).astype(np.uint8)
  y = {
    "boxes": np.zeros((num_examples, max_boxes, 4), np.float32),
    "classes": np.zeros((num_examples, max_boxes), np.int32),
    "present": np.zeros((num_examples, max_boxes), np.float32),
  }
  for row in range(num_examples):
    free = np.ones((size, size), bool)
    for slot in range(draw.integers(0, max_boxes + 1)):
      left, top, right, bottom = box = _free_place(draw, free)
      free[top:bottom, left:right] = False
      kind = draw.integers(num_classes)
      x[row, top:bottom, left:right] = _COLORS[kind]
      y["boxes"][row, slot], y["classes"][row, slot] = box, kind
      y["present"][row, slot] = 1
  names = ("red", "blue", "green")[:num_classes]
  info = {
    "num_classes": num_classes,
    "class_names": names,
    "image_shape": (size, size, 3),
  }
  return from_arrays("rectangles", {"x": x, "y": y}, decode_images, info)


def _free_place(draw: np.random.Generator, free: np.ndarray) -> tuple[int, ...]:
  """Draws a box without a pixel that is taken."""
  size = len(free)
  while True:
    width, height = draw.integers(_SMALLEST, size // 3 + 1, 2)
    left, top = draw.integers(0, size - np.array([width, height]) + 1)
    if free[top : top + height, left : left + width].all():
      return int(left), int(top), int(left + width), int(top + height)
