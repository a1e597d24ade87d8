"""DANN from the embedded digits to the same kind of digits over photographs.

Paper: Ganin et al. 2016, "Domain-adversarial training of neural networks", on
data that ships inside scikit-learn: 8x8 digits, and others blended with two
photographs as MNIST-M is. A source-only network is trained beside it; a minute
or two on two CPU cores. It shows how the two are compared; so few and small
images do not yet show a gain (docs/results/domain_adaptation.md).

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
  return adaptation.beside_source_only(config, arg, "digits_dann")
