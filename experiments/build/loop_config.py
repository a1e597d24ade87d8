"""From the config section `training` to the options of the training loop."""

import math

from ml_collections import ConfigDict

from robust_jax.training.early_stopping import EarlyStopping
from robust_jax.training.loop import LoopConfig
from robust_jax.training.monitor import Monitor


def loop_config(training: ConfigDict, steps_per_epoch: int) -> LoopConfig:
  """Makes the options of the training loop, with all lengths in steps.

  Args:
    training: the section `training` of a config. Lengths are given in steps
      (`num_steps`) or in epochs (`num_epochs`).
    steps_per_epoch: number of steps of an epoch.

  Raises:
    ValueError: a number is out of its range.
  """

  def steps(name):
    """Reads a length given in steps or in epochs."""
    if f"{name}_steps" in training:
      return training[f"{name}_steps"]
    epochs = training[f"{name}_epochs"]
    if not 0 < epochs < math.inf:
      raise ValueError(
        f"training.{name}_epochs = {epochs}: expected a finite number above 0."
      )
    return max(1, round(epochs * steps_per_epoch))

  return LoopConfig(
    num_steps=steps("num"),
    log_every=training.log_every,
    evaluate_every=steps("evaluate_every"),
    keep_last=training.keep_last,
    monitor=monitor(training),
    stopping=EarlyStopping(
      training.max_drop,
      training.get("floor"),
      steps("floor_after") if "floor" in training else 0,
    ),
  )


def monitor(training: ConfigDict) -> Monitor:
  """Makes the monitor of the config section `training`."""
  warn_below = training.get("warn_below", ConfigDict()).to_dict()
  return Monitor(training.monitor, training.monitor_mode, warn_below)
