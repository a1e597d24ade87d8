"""A Fader autoencoder of the embedded UCI digits, 8x8 pixels; no download.

Paper: Lample et al. 2017, "Fader Networks: Manipulating Images by Sliding
Attributes". A small version of fader/mnist.py.

Expected: fresh probes of the code 14 % linear, 14 % nonlinear (control 58 and
68 %, chance 10 %); squared error 1.15 times that of the control; 99 % of
swapped images recognized. It takes minutes on two CPU cores, with the control
and the independent classifier.

Command:
  ./launch.sh train --config=experiments/configs/fader/digits.py
"""

from experiments.configs import autoencoder


def get_config(arg=""):
  config = autoencoder.autoencoder("digits")
  config.model.code_size = 4
  config.task.beta = 0.01
  config.pictures = {"name": "other_labels"}
  config.training.update(
    num_epochs=80.0, batch_size=64, evaluate_every_epochs=10.0
  )
  config.independent_classifier.training.update(num_epochs=30.0, batch_size=64)
  return autoencoder.finish(config, arg)
