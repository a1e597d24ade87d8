"""Domain adaptation from two sources, MNIST and USPS, to MNIST-M.

Paper: Ganin et al. 2016, "Domain-adversarial training of neural networks".
Deviations: the paper has one source; here the domain classifier has a class for
each source and one for the target. Each source gives a quarter of a batch, the
target half.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh train \\
    --config=experiments/configs/domain/mnist_usps_to_mnist_m.py:dann
"""

from experiments.configs import adaptation, common

_MEAN = (0.29, 0.29, 0.28)


def get_config(arg=""):
  config = adaptation.adaptation("mnist", "mnist_m", "dann_mnist", _MEAN)
  config.data.sources.usps = dict(common.PARTS)
  return adaptation.finish(config, arg, "mnist_usps_to_mnist_m")
