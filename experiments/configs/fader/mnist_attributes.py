"""A Fader autoencoder of MNIST with the attributes thick and slanted.

Paper: Lample et al. 2017, "Fader Networks: Manipulating Images by Sliding
Attributes". As there, attributes are binary and the autoencoder minimizes the
cross-entropy towards the wrong ones. They are measured on the images, with the
medians of the training set as thresholds.

Command:
  ./launch.sh train --config=experiments/configs/fader/mnist_attributes.py
"""

from experiments.configs import autoencoder


def get_config(arg=""):
  config = autoencoder.autoencoder("mnist")
  autoencoder.measured_attributes(config, {"thickness": 2.7, "slant": 0.1})
  return autoencoder.finish(config, arg)
