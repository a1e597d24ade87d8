"""PGD adversarial training on MNIST, Linf 0.3.

Paper: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial
Attacks": 40 steps of 0.01 from a random start, adversarial batches only. The
network and the schedule are those of Wong, Rice and Kolter 2020, so that a CPU
can train it.

Command:
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("mnist", "small_cnn", eps=0.3)
  common.wong_recipe(config)
  common.adversarial(
    config, common.linf_pgd(0.3, num_steps=40, step_size=1 / 30, keep="last")
  )
  return common.finish(config, arg)
