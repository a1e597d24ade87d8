"""RS-FGSM "fast" adversarial training on MNIST, Linf 0.3.

Paper: Wong, Rice and Kolter 2020, "Fast is better than free: Revisiting
adversarial training". Published for this network and recipe: clean 98.50 %,
PGD-50 x 10 restarts 88.77 %.

Command:
  ./launch.sh train --config=experiments/configs/adversarial/mnist_fast.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("mnist", "small_cnn", eps=0.3)
  common.wong_recipe(config)
  common.adversarial(config, {"name": "rs_fgsm", "eps": 0.3, "step_size": 1.25})
  config.training.evaluate_every_epochs = 0.5  # collapse is sudden
  return common.finish(config, arg)
