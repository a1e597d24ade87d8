"""PGD adversarial training on Fashion-MNIST, Linf 0.1.

The recipe of mnist_pgd.py at the radius usual for this dataset.

Command:
  ./launch.sh train \\
    --config=experiments/configs/adversarial/fashion_mnist_pgd.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("fashion_mnist", "small_cnn", eps=0.1)
  common.wong_recipe(config)
  common.adversarial(
    config, common.pgd("linf", 0.1, num_steps=10, step_size=1 / 4, keep="last")
  )
  return common.finish(config, arg)
