"""Stacked MNIST: which of 1,000 modes does a generator cover?

An image has three random digits as its channels. A classifier of digits reads
each channel of 26,000 samples. The argument names the recipe: DCGAN with the
non-saturating loss, WGAN-GP with the same generator, or R3GAN at small size.
All make equally many steps of the generator, on 64 samples each.

Expected of larger networks and longer training (Huang et al. 2024): 99 modes
and a KL divergence of 3.4 for DCGAN, 959 and 0.73 for WGAN-GP, 1,000 and 0.08
for R3GAN.

Command:
  ./launch.sh train --config=experiments/configs/gan/stacked_mnist.py:r3gan
  python -m experiments.studies.generation \
      --config=experiments/configs/gan/stacked_mnist.py \
      --variants=dcgan,wgan_gp,r3gan
"""

from experiments.build.with_overrides import with_overrides
from experiments.configs import gan_common

_NUM_EXAMPLES = {"train": 128000, "validation": 8192, "test": 26000}
_COMMON = {
  "data": {"kind": "stacked", "num_examples": _NUM_EXAMPLES},
  "training": {
    "num_epochs": None,
    "evaluate_every_epochs": None,
    "num_steps": 10000,
    "evaluate_every_steps": 1000,
    "warn_below": {"class_entropy": 3.0},
  },
  "evaluation": {"num_samples": 26000, "min_fraction": 0.0},
}
_RECIPES = {
  "dcgan": {},
  "wgan_gp": gan_common.LOSSES["wasserstein"],
  "r3gan": gan_common.RECIPES["r3gan"] | {"training": {"batch_size": 64}},
}


def get_config(arg=""):
  config = with_overrides(gan_common.images("mnist", "dcgan"), _COMMON)
  config = gan_common.with_variant(config, _RECIPES, arg)
  if arg == "smoke":
    config.data.num_examples = {"train": 32, "validation": 16, "test": 16}
  return gan_common.finish(config, "smoke" if arg == "smoke" else "")
