"""PGD adversarial training on MNIST, Linf 0.3.

Paper: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial
Attacks": random starts, adversarial batches only. Deviations: ten steps of 0.1
instead of forty of 0.01; the network and the schedule of Wong, Rice and Kolter
2020, so that a CPU can train it; and the perturbation grows over the first two
epochs, without which this network may stay at chance.

Command:
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("mnist", "small_cnn", eps=0.3)
  common.wong_recipe(config)
  common.adversarial(
    config,
    common.pgd("linf", 0.3, num_steps=10, step_size=1 / 3, keep="last"),
    warmup_steps=1160,
  )
  return common.finish(config, arg)
