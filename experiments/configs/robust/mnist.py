"""Robust training on MNIST, Linf 0.3, by any method.

The recipe of Wong, Rice and Kolter 2020 for all methods; after the colon stands
the name of one (experiments/configs/robust_training.py).

Command:
  ./launch.sh train --config=experiments/configs/robust/mnist.py:trades
"""

from experiments.configs import common, robust_training


def get_config(arg=""):
  config = common.classifier("mnist", "small_cnn", eps=0.3)
  common.wong_recipe(config)
  return robust_training.finish(config, arg, eps=0.3, warmup_steps=1160)
