"""A Fader autoencoder of MNIST: digits decoded as other digits of their style.

Paper: Lample et al. 2017, "Fader Networks: Manipulating Images by Sliding
Attributes", on faces. Here the codes become independent of ten classes.

Expected: fresh probes of the code 13 % linear, 16 % nonlinear (control 57 and
70 %, chance 11 %); squared error 1.19 times that of the control; 99 % of
swapped images recognized by a classifier of 99.2 % accuracy; correlations of
thickness and slant 0.77 and 0.92. It takes 14 minutes on one CPU core.

Command:
  ./launch.sh train --config=experiments/configs/fader/mnist.py
"""

from experiments.configs import autoencoder


def get_config(arg=""):
  config = autoencoder.autoencoder("mnist")
  return autoencoder.finish(config, arg)
