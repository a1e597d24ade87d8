"""Robust training on Fashion-MNIST, Linf 0.1, by any method.

As mnist.py, at the radius usual for this dataset.

Command:
  ./launch.sh train --config=experiments/configs/robust/fashion_mnist.py:trades
"""

from experiments.configs import common, robust_training


def get_config(arg=""):
  config = common.classifier("fashion_mnist", "small_cnn", eps=0.1)
  common.wong_recipe(config)
  return robust_training.finish(config, arg, eps=0.1)
