"""Data augmentation: random changes of images inside the training step.

A factory makes an `Augmentation`, `(key, x) -> x'`, from its options. Changes
of images are defined once, for training and testing alike: `corrupt` applies
any corruption and `perturb` any perturbation set. `chain`, `grouped`, `one_of`
and `sometimes` combine augmentations. Augmentations that mix labels as well are
in `augmentation.mixing`, and those that move boxes in `augmentation.boxes`.
"""

from robust_jax.augmentation.augmix import augmix
from robust_jax.augmentation.combinators import chain, one_of, sometimes
from robust_jax.augmentation.corrupt import corrupt
from robust_jax.augmentation.geometry import (
  cutout,
  flip,
  pad_crop,
  random_erasing,
  resized_crop,
)
from robust_jax.augmentation.grouped import grouped
from robust_jax.augmentation.perturb import perturb
from robust_jax.augmentation.rand_augment import rand_augment

__all__ = [
  "augmix",
  "chain",
  "corrupt",
  "cutout",
  "flip",
  "grouped",
  "one_of",
  "pad_crop",
  "perturb",
  "rand_augment",
  "random_erasing",
  "resized_crop",
  "sometimes",
]
