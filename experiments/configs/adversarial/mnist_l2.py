"""PGD adversarial training on MNIST, L2 1.5.

Paper: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial
Attacks", where the threat model is an Linf ball. It is mnist_pgd.py with
another set. Robustness in one norm is of little use in the other, see
docs/results/robustness_matrix.md.

Command:
  ./launch.sh train --config=experiments/configs/adversarial/mnist_l2.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("mnist", "small_cnn", eps=1.5, norm="l2")
  common.wong_recipe(config)
  common.adversarial(
    config, common.pgd("l2", 1.5, num_steps=10, step_size=1 / 4, keep="last")
  )
  return common.finish(config, arg)
