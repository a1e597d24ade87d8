"""Random weighted_averages of training images and of their labels.

A factory makes a `Mixing`, `(key, x, labels) -> (x', labels')`: labels are
probabilities `[B, K]`, and what comes in may be mixed already.
"""

from robust_jax.augmentation.mixing.cutmix import cutmix
from robust_jax.augmentation.mixing.mixup import mixup

__all__ = ["cutmix", "mixup"]
