"""Robust training on the embedded UCI digits, Linf 0.15, by any method.

Minutes on two CPU cores, without a download: to try methods out.

Command:
  ./launch.sh train --config=experiments/configs/robust/digits.py:mart
"""

from experiments.configs import common, robust_training


def get_config(arg=""):
  config = common.classifier("digits", "small_cnn", eps=0.15)
  config.optimizer.update(learning_rate=3e-3, schedule="cosine")
  config.training.update(
    num_epochs=60.0, batch_size=32, evaluate_every_epochs=2.0
  )
  return robust_training.finish(config, arg, eps=0.15)
