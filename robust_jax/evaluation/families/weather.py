"""Weather before the camera."""

from collections.abc import Collection

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family

Shape = tuple[int, int, int]


def weather(shapes: Collection[Shape]) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "Weather before the camera: snow, frost (drawn by a program), fog, glaring light.",
    of_corruptions("snow", "frost", "fog", "brightness"),
  )
