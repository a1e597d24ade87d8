"""How long a config trains, and what is done on the way."""

import math

from ml_collections import ConfigDict

from robust_jax.training.loop import LoopConfig
from robust_jax.training.monitor import Monitor


def plan(training: ConfigDict, steps_per_epoch: int) -> LoopConfig:
  """What the section `training` says, in steps.

  Raises:
    ValueError: a number is out of its range.
  """

  def steps(name):
    """Given as they are, or in epochs."""
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
    max_drop=training.max_drop,
  )


def monitor(training: ConfigDict) -> Monitor:
  """The metric by which the section `training` chooses the best checkpoint."""
  return Monitor(training.monitor, training.monitor_mode)
