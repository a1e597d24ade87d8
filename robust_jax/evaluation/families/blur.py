"""Images that are not sharp."""

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family, Shapes


def blur(shapes: Shapes) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "Not sharp: out of focus, behind frosted glass, moved, zoomed.",
    of_corruptions("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
  )
