"""DANN from digits drawn with fonts to others over photographs, offline.

Paper: Ganin et al. 2016, "Domain-adversarial training of neural networks", on
data that need no download: digits drawn with the fonts of matplotlib, and
others over two photographs of scikit-learn. A source-only network is trained as
a control. Deviations: the small network of Wong and Kolter 2018, a learning
rate of 0.02, a domain classifier of two layers and a weight of 2. It takes
about a minute on two CPU cores.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh train --config=experiments/configs/domain/digits_dann.py
"""

from experiments.configs import adaptation

_MEAN = (0.32, 0.33, 0.32)


def get_config(arg=""):
  config = adaptation.adaptation(
    "drawn_digits", "photo_digits", "small_cnn", _MEAN
  )
  config.optimizer.learning_rate = 0.02
  config.task.weight = 2.0
  config.alignment.hidden = (256, 256)
  config.training.update(num_steps=2500, evaluate_every_steps=500)
  return adaptation.with_control(config, arg, "digits_dann")
