"""Domain adaptation from digits drawn with fonts to MNIST, by any method.

The source needs no download (robust_jax/data/builders/drawn_digits.py), MNIST
does. The recipe is that of Ganin et al. 2016 for digits, on gray images; no
paper has figures for these datasets.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh train \\
    --config=experiments/configs/domain/drawn_digits_to_mnist.py:dann
"""

from experiments.configs import adaptation


def get_config(arg=""):
  config = adaptation.adaptation("drawn_digits", "mnist", "dann_mnist", (0.15,))
  config.training.update(num_steps=2000, evaluate_every_steps=200)
  return adaptation.finish(config, arg, "drawn_digits_to_mnist")
