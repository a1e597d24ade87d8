"""Random changes of training images: one module, one factory.

A factory makes an `Augmentation`, `(key, x) -> x'`, from its options. What may
happen to an image is defined elsewhere, for training and testing alike:
`corrupt` takes any corruption, `perturb` any perturbation set. `chain`,
`one_of` and `sometimes` put augmentations together. Those that mix labels too
are in `data.mixing`.
"""

from robust_jax.data.augmentation.augmix import augmix
from robust_jax.data.augmentation.chain import chain
from robust_jax.data.augmentation.corrupt import corrupt
from robust_jax.data.augmentation.cutout import cutout
from robust_jax.data.augmentation.flip import flip
from robust_jax.data.augmentation.one_of import one_of
from robust_jax.data.augmentation.pad_crop import pad_crop
from robust_jax.data.augmentation.perturb import perturb
from robust_jax.data.augmentation.rand_augment import rand_augment
from robust_jax.data.augmentation.resized_crop import resized_crop
from robust_jax.data.augmentation.sometimes import sometimes

__all__ = [
  "augmix",
  "chain",
  "corrupt",
  "cutout",
  "flip",
  "one_of",
  "pad_crop",
  "perturb",
  "rand_augment",
  "resized_crop",
  "sometimes",
]
