"""Augmentations that mix images and their labels.

A factory makes a `Mixing`, `(key, x, labels) -> (x', labels')`. Labels are
probabilities `[B, K]` and may be mixed already.
"""

from robust_jax.augmentation.mixing.cutmix import cutmix
from robust_jax.augmentation.mixing.mixup import mixup

__all__ = ["cutmix", "mixup"]
