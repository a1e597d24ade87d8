"""A Fader autoencoder of MNIST whose labels are thick or thin, leaning or not.

Paper: Lample et al. 2017, "Fader Networks: Manipulating Images by Sliding
Attributes": binary attributes and, as there, the cross-entropy towards the
wrong ones; measured on the images, at the medians of the training set.

Command:
  ./launch.sh train --config=experiments/configs/fader/mnist_attributes.py
"""

from experiments.configs import autoencoder


def get_config(arg=""):
  config = autoencoder.autoencoder("mnist")
  autoencoder.measured_attributes(config, {"thickness": 2.7, "slant": 0.1})
  return autoencoder.finish(config, arg)
