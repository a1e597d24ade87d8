"""All adversarial losses at equal steps, on the DCGAN of mnist_dcgan.py.

The argument names the loss. A loss comes with the normalization of the
discriminator and the penalties that it was published with: hinge with spectral
normalization, Wasserstein with the gradient penalty and five moves of the
critic to one, relativistic pairing with R1 and R2.

Command:
  ./launch.sh train --config=experiments/configs/gan/mnist_losses.py:hinge
  python -m experiments.studies.generation \
      --config=experiments/configs/gan/mnist_losses.py \
      --variants=minimax,non_saturating,least_squares,hinge,wasserstein,relativistic
"""

from experiments.build.with_overrides import with_overrides
from experiments.configs import gan_common

_LENGTH = {
  "num_epochs": None,
  "evaluate_every_epochs": None,
  "num_steps": 5000,
  "evaluate_every_steps": 500,
}


def get_config(arg=""):
  config = gan_common.images("mnist", "dcgan")
  config = with_overrides(config, {"training": _LENGTH})
  config = gan_common.with_variant(config, gan_common.LOSSES, arg)
  return gan_common.finish(config, "smoke" if arg == "smoke" else "")
