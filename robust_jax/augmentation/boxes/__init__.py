"""Augmentations that move the boxes of objects with the image.

A factory makes a `BatchAugmentation`, `(key, batch) -> batch`, of images "x"
and padded objects "y", as `data.detection` has them. Objects of which too
little remains visible become padding. `augmentation.chain` applies several.
"""

from robust_jax.augmentation.boxes.affine import affine
from robust_jax.augmentation.boxes.flip import flip
from robust_jax.augmentation.boxes.mosaic import mosaic

__all__ = ["affine", "flip", "mosaic"]
