"""A Fader autoencoder of MNIST: digits redrawn as another digit in their style.

Paper: Lample et al. 2017, "Fader Networks: Manipulating Images by Sliding
Attributes", of faces; here ten classes are what the code forgets.
Ten minutes or so on two CPU cores, control and judge included. Expected:
docs/results.md.

Command:
  ./launch.sh train --config=experiments/configs/fader/mnist.py
"""

from experiments.configs import autoencoder


def get_config(arg=""):
  config = autoencoder.autoencoder("mnist", (28, 28, 1))
  return autoencoder.finish(config, arg)
