"""DCGAN on Fashion-MNIST, with the recipe of mnist_dcgan.py.

Command:
  ./launch.sh train --config=experiments/configs/gan/fashion_mnist_dcgan.py
"""

from experiments.configs import gan_common


def get_config(arg=""):
  return gan_common.finish(gan_common.images("fashion_mnist", "dcgan"), arg)
