"""Defenses of trained models, without further training.

Each is a function of a model and returns a model. Attacks on what it returns
are adaptive: they differentiate through the defense, or through a surrogate of
it (`defenses.bpda`).
"""

from robust_jax.defenses.input_transformations import (
  bit_depth,
  gaussian_smoothing,
  jpeg,
  median_smoothing,
)
from robust_jax.defenses.random_transformation import random_transformation
from robust_jax.defenses.test_time_augmentation import test_time_augmentation
from robust_jax.models.ensemble import ensemble

__all__ = [
  "bit_depth",
  "ensemble",
  "gaussian_smoothing",
  "jpeg",
  "median_smoothing",
  "random_transformation",
  "test_time_augmentation",
]
