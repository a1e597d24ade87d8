"""Images that are not sharp."""

from collections.abc import Collection

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family

Shape = tuple[int, int, int]


def blur(shapes: Collection[Shape]) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "Images that are not sharp: out of focus, behind frosted glass, moved, zoomed.",
    of_corruptions("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
  )
