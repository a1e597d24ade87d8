"""Domain adaptation from USPS to MNIST, by any method.

Paper: Tzeng et al. 2017, "Adversarial discriminative domain adaptation", table
2: 57.1 % on the target without adaptation, 90.1 % with ADDA. Deviations: all
training images instead of 1,800 and 2,000; both domains at USPS' own 16x16
pixels; the network of DANN.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh train --config=experiments/configs/domain/usps_to_mnist.py:dann
"""

from experiments.configs import adaptation


def get_config(arg=""):
  config = adaptation.at_size_of_usps("usps", "mnist")
  return adaptation.finish(config, arg, "usps_to_mnist")
