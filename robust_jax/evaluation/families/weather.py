"""Weather before the camera."""

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family, Shapes


def weather(shapes: Shapes) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "Snow, frost (drawn by a program), fog, glaring light.",
    of_corruptions("snow", "frost", "fog", "brightness"),
  )
