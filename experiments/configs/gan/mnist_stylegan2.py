"""StyleGAN2 at small size on MNIST.

Paper: Karras et al. 2020, "Analyzing and improving the image quality of
StyleGAN": non-saturating loss, R1 in every 16th step, Adam without momentum and
with equalized learning rates, a mapping network that learns a hundred times
slower, style mixing. Two mapping layers and no path length regularization, as
others train it on CIFAR-10; the discriminator does not see the deviation of a
minibatch, because R1 wants outputs that depend on one image.

Command:
  ./launch.sh train --config=experiments/configs/gan/mnist_stylegan2.py
  ./launch.sh sample --workdir=runs/mnist_stylegan2 --walk --out=walk.png
"""

from experiments.configs.gan import mnist_dcgan

_ADAM = {"name": "adam", "learning_rate": 2.5e-3, "b1": 0.0, "b2": 0.99}


def get_config(arg=""):
  config = mnist_dcgan.get_config(arg)
  config.models = {
    "generator": {"name": "stylegan2_generator", "widths": (64, 32, 16)},
    "discriminator": {
      "name": "stylegan2_discriminator",
      "widths": (16, 32, 64),
    },
  }
  config.task.latent_size = 64
  config.penalties = ({"name": "r1", "weight": 0.1, "every": 16},)
  config.optimizers = {
    "generator": dict(_ADAM),
    "discriminator": dict(_ADAM),
  }
  config.average.statistics_every = 0  # no layer has any
  if arg == "smoke":
    config.models.generator.update(widths=(4, 4), style_size=4)
    config.models.discriminator.widths = (4, 4)
  return config
