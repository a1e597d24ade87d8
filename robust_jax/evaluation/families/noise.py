"""Noise of the sensor."""

from robust_jax.evaluation.families._corruptions import of_corruptions
from robust_jax.evaluation.transformation import Family, Shapes


def noise(shapes: Shapes) -> Family:
  """The three of ImageNet-C."""
  del shapes
  return Family(
    "Noise of a sensor: little light, counted photons, dead pixels.",
    of_corruptions("gaussian_noise", "shot_noise", "impulse_noise"),
  )
