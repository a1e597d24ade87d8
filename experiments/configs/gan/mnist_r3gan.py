"""R3GAN at small size on MNIST, the recommended recipe for other images too.

Loss: relativistic pairing with R1 and R2 penalties, Adam without momentum,
residual networks without normalization layers, and an average of the weights.

Paper: Huang et al. 2024, "The GAN is dead; long live the GAN! A modern baseline
GAN". The weight of the penalties falls and the average lengthens during
training there; here both are constant.

Command:
  ./launch.sh train --config=experiments/configs/gan/mnist_r3gan.py
  ./launch.sh sample --workdir=runs/mnist_r3gan --num_examples=64 --out=grid.png
"""

from experiments.configs.gan import mnist_dcgan

_ADAM = {"name": "adam", "learning_rate": 2e-4, "b1": 0.0, "b2": 0.99}


def get_config(arg=""):
  config = mnist_dcgan.get_config(arg)
  config.models = {
    "generator": {
      "name": "r3gan_generator",
      "widths": (64, 64, 32),
      "blocks_per_width": 1,
    },
    "discriminator": {
      "name": "r3gan_discriminator",
      "widths": (32, 64, 64),
      "blocks_per_width": 1,
    },
  }
  config.task.latent_size = 64
  config.adversarial_loss = {"name": "relativistic"}
  config.penalties = (
    {"name": "r1", "weight": 0.1},
    {"name": "r2", "weight": 0.1},
  )
  config.optimizers = {
    "generator": dict(_ADAM),
    "discriminator": dict(_ADAM),
  }
  config.average.statistics_every = 0  # no layer has any
  config.training.batch_size = 128
  if arg == "smoke":
    tiny = {"widths": (4, 4), "group_size": 4}
    config.models.generator.update(tiny)
    config.models.discriminator.update(tiny)
    config.training.batch_size = 16
  return config
