"""Domain adaptation from digits drawn with fonts to USPS, by any method.

The source needs no download (robust_jax/data/builders/drawn_digits.py), USPS
does. Both are at USPS' own 16x16 pixels. The recipe is that of Ganin et al. for
digits, 2016; no paper has figures for these datasets.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh train \\
    --config=experiments/configs/domain/drawn_digits_to_usps.py:dann
"""

from experiments.configs import adaptation


def get_config(arg=""):
  config = adaptation.at_size_of_usps("drawn_digits", "usps")
  return adaptation.finish(config, arg, "drawn_digits_to_usps")
