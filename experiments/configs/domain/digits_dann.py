"""DANN from the embedded digits to digits blended with photographs.

Paper: Ganin et al. 2016, "Domain-adversarial training of neural networks", on
data of scikit-learn: 8x8 digits, and others blended with two photographs, like
MNIST-M. A source-only network is trained as a control. It takes one or two
minutes on two CPU cores. The example shows how the two are compared; so few and
small images do not show a gain (docs/results/domain_adaptation.md).

Command:
  ./launch.sh train --config=experiments/configs/domain/digits_dann.py
"""

from experiments.configs import adaptation

_MEAN = (0.39, 0.39, 0.39)


def get_config(arg=""):
  config = adaptation.adaptation("digits", "digits_m", "dann_mnist", _MEAN)
  parts = {
    "train": "train[:60%]",
    "validation": "train[60%:80%]",
    "test": "train[80%:]",
  }
  config.data.sources.digits.update(parts)
  config.data.target.update(parts)
  config.training.update(num_steps=2000, evaluate_every_steps=200)
  return adaptation.with_control(config, arg, "digits_dann")
