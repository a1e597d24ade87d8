"""Families of common corruptions: noise, blur, weather and digital changes."""

from robust_jax import lookup
from robust_jax.comparison.transformation import Family, Shapes, Transformation


def of_corruptions(*names: str) -> list[Transformation]:
  """Members of `robust_jax.corruptions` at their five severities."""
  return [
    Transformation(name, lookup.find("corruptions", name)) for name in names
  ]


def noise(shapes: Shapes) -> Family:
  """The three of ImageNet-C."""
  del shapes
  return Family(
    "Noise of a sensor: little light, counted photons, dead pixels.",
    of_corruptions("gaussian_noise", "shot_noise", "impulse_noise"),
  )


def blur(shapes: Shapes) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "Not sharp: out of focus, behind frosted glass, moved, zoomed.",
    of_corruptions("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
  )


def weather(shapes: Shapes) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "Snow, frost (drawn by a program), fog, glaring light.",
    of_corruptions("snow", "frost", "fog", "brightness"),
  )


def digital(shapes: Shapes) -> Family:
  """The four of ImageNet-C."""
  del shapes
  return Family(
    "By software: little contrast, warping, coarse pixels, JPEG.",
    of_corruptions(
      "contrast", "elastic_transform", "pixelate", "jpeg_compression"
    ),
  )
