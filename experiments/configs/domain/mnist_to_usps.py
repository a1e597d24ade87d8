"""Domain adaptation from MNIST to USPS, by any method.

Paper: Tzeng et al. 2017, "Adversarial discriminative domain adaptation", table
2: 75.2 % on the target without adaptation, 89.4 % with ADDA. Deviations: all
training images instead of 2,000 and 1,800; both domains at USPS' own 16x16
pixels; the network of DANN.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh train --config=experiments/configs/domain/mnist_to_usps.py:dann
"""

from experiments.configs import adaptation


def get_config(arg=""):
  config = adaptation.at_size_of_usps("mnist", "usps")
  return adaptation.finish(config, arg, "mnist_to_usps")
