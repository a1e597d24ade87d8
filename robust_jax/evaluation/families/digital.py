"""What software does to images."""

from collections.abc import Collection

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family

Shape = tuple[int, int, int]


def digital(shapes: Collection[Shape]) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "What software does to images: little contrast, warping, coarse pixels, JPEG.",
    of_corruptions(
      "contrast", "elastic_transform", "pixelate", "jpeg_compression"
    ),
  )
