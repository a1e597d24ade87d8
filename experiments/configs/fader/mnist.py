"""A Fader autoencoder of MNIST: digits redrawn as another digit in their style.

Paper: Lample et al. 2017, "Fader Networks: Manipulating Images by Sliding
Attributes", of faces; here ten classes are what the code forgets.
Expected, fresh probes of the code: 13 % linear, 16 % nonlinear (control 57 and
70 %, chance 11 %); squared error 1.19 times the control's; 99 % of swapped
images recognized by a classifier that is right on 99.2 % of test images;
thickness and slant correlate 0.77 and 0.92 across a row. 14 minutes of one CPU
core.

Command:
  ./launch.sh train --config=experiments/configs/fader/mnist.py
"""

from experiments.configs import autoencoder


def get_config(arg=""):
  config = autoencoder.autoencoder("mnist")
  return autoencoder.finish(config, arg)
