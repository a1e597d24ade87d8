"""Noise of the sensor."""

from collections.abc import Collection

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family

Shape = tuple[int, int, int]


def noise(shapes: Collection[Shape]) -> Family:
  """The three of ImageNet-C."""
  del shapes
  return Family(
    "Noise of a sensor: too little light, photons that are counted, dead pixels.",
    of_corruptions("gaussian_noise", "shot_noise", "impulse_noise"),
  )
