"""R3GAN at small size on Fashion-MNIST, with the recipe of mnist_r3gan.py.

Command:
  ./launch.sh train --config=experiments/configs/gan/fashion_mnist_r3gan.py
"""

from experiments.configs import gan_common


def get_config(arg=""):
  return gan_common.finish(gan_common.images("fashion_mnist", "r3gan"), arg)
