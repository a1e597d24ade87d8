"""Standard training of the small CNN on MNIST, a baseline without robustness.

Network: Wong and Kolter 2018; recipe as in adversarial/mnist_fast.py, without
the attack.

Command:
  ./launch.sh train --config=experiments/configs/standard/mnist.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("mnist", "small_cnn", eps=0.3)
  common.wong_recipe(config)
  return common.finish(config, arg)
