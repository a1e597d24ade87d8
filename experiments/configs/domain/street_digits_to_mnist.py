"""Domain adaptation from drawn house numbers to MNIST, by any method.

It stands in for SVHN to MNIST (svhn_to_mnist.py) where SVHN cannot be had: its
source is drawn (robust_jax/data/builders/street_digits.py) and its network the
small one of Ganin et al. 2016, on images of 28x28 pixels. Their figures, 54.9 %
without adaptation and 73.9 % with DANN, are of photographs and a larger
network.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh train \\
    --config=experiments/configs/domain/street_digits_to_mnist.py:dann
"""

from experiments.configs import adaptation

_MEAN = (0.31, 0.31, 0.31)


def get_config(arg=""):
  config = adaptation.adaptation("street_digits", "mnist", "dann_mnist", _MEAN)
  with config.unlocked():
    config.data.image_shape = (28, 28, 3)
  return adaptation.finish(config, arg, "street_digits_to_mnist")
