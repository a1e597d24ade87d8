"""Rotations and translations of MNIST with a narrow residual network.

The networks of mnist_worst_of_10.py and mnist_augmented.py have a dense layer
on all places. The last maps of this one are averaged over places, as are those
of Engstrom et al. 2019. The argument after the colon is a method:

  standard      no transformation; published: grid 26.02 %.
  augmented     one random transformation; published: grid 95.79 %.
  worst_of_10   the worst of ten; default; published: grid 97.32 %.

Command:
  ./launch.sh train --config=experiments/configs/spatial/mnist_residual.py
"""

from experiments.configs import common

_NUM_DRAWS = {"standard": 0, "augmented": 1, "worst_of_10": 10}


def get_config(arg=""):
  common.check_argument(arg, _NUM_DRAWS)
  num_draws = _NUM_DRAWS[arg if arg in _NUM_DRAWS else "worst_of_10"]
  config = common.spatial(common.classifier("mnist", "resnet", eps=0.1))
  # Maps of 7x7 and 4x4: convolutions of larger ones take most of a step.
  config.model.update(num_blocks=(1, 1), width=32, stem="imagenet")
  common.wong_recipe(config)
  if num_draws:
    common.adversarial(config, common.worst_of_k(num_draws))
  return common.finish(config, "smoke" if arg == "smoke" else "")
