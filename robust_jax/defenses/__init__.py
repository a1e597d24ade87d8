"""What makes a trained model more robust without training it again."""

from robust_jax.defenses.test_time_augmentation import test_time_augmentation

__all__ = [
  "test_time_augmentation",
]
