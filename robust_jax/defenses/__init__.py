"""Defenses of trained models, without further training."""

from robust_jax.defenses.test_time_augmentation import test_time_augmentation

__all__ = [
  "test_time_augmentation",
]
