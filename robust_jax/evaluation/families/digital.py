"""What software does to images."""

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family, Shapes


def digital(shapes: Shapes) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "By software: little contrast, warping, coarse pixels, JPEG.",
    of_corruptions(
      "contrast", "elastic_transform", "pixelate", "jpeg_compression"
    ),
  )
