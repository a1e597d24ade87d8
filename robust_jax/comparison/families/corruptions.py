"""Families of common corruptions: noise, blur, weather and digital."""

from robust_jax import lookup
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions.point_maps import point_map


def of_corruptions(*names: str) -> list[Transformation]:
  """Returns members of `robust_jax.corruptions` at their five severities."""
  return [
    Transformation(
      name, lookup.find("corruptions", name), moves=point_map(name)
    )
    for name in names
  ]


def noise(shapes: Shapes) -> Family:
  """The three noise corruptions of ImageNet-C.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> len(families.noise([(28, 28, 1)]).transformations)
    3
  """
  del shapes
  return Family(
    "Sensor noise: low light, photon counts, dead pixels.",
    of_corruptions("gaussian_noise", "shot_noise", "impulse_noise"),
  )


def blur(shapes: Shapes) -> Family:
  """The four blur corruptions of ImageNet-C.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> len(families.blur([(28, 28, 1)]).transformations)
    4
  """
  del shapes
  return Family(
    "Blur: out of focus, frosted glass, motion, zoom.",
    of_corruptions("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
  )


def weather(shapes: Shapes) -> Family:
  """The four weather corruptions of ImageNet-C.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> len(families.weather([(28, 28, 1)]).transformations)
    4
  """
  del shapes
  return Family(
    "Snow, frost (synthetic), fog, brightness.",
    of_corruptions("snow", "frost", "fog", "brightness"),
  )


def digital(shapes: Shapes) -> Family:
  """The four digital corruptions of ImageNet-C.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> len(families.digital([(28, 28, 1)]).transformations)
    4
  """
  del shapes
  return Family(
    "Digital changes: low contrast, elastic distortion, pixelation, JPEG.",
    of_corruptions(
      "contrast", "elastic_transform", "pixelate", "jpeg_compression"
    ),
  )
