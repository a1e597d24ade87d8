"""Early stopping: a run that has collapsed, or never rose, is not continued."""

import dataclasses
import math
from collections.abc import Mapping

from robust_jax import checks
from robust_jax.training.monitor import Monitor


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
  """Conditions on the monitored metric under which training stops.

  Attributes:
    max_drop: training stops if the metric is worse than its best by more than
      this, as in catastrophic overfitting (Wong, Rice and Kolter 2020).
    floor: training stops if the metric is worse than this after `floor_after`
      steps, as of a model that falls to chance or stays there. None for never.
    floor_after: number of steps that a model has to rise above the floor.

  Raises:
    ValueError: max_drop or floor_after is negative.

  Example:
    >>> from robust_jax.training.early_stopping import EarlyStopping
    >>> from robust_jax.training.monitor import Monitor
    >>> stopping = EarlyStopping(max_drop=0.2)
    >>> print(stopping.reason(Monitor("loss", "min"), 9, {"loss": 2.3}, -0.5))
    loss = 2.3 is worse than its best by 1.8, as in catastrophic overfitting
  """

  max_drop: float = 0.2
  floor: float | None = None
  floor_after: int = 0

  def __post_init__(self):
    for name in ("max_drop", "floor_after"):
      checks.non_negative(f"training.{name}", getattr(self, name))

  def reason(
    self,
    monitor: Monitor,
    step: int,
    values: Mapping[str, float],
    best_score: float,
  ) -> str | None:
    """Says why training should stop; None if it should not.

    Args:
      monitor: the monitored metric.
      step: number of completed steps.
      values: validation metrics at this step.
      best_score: best `monitor.score` of the steps before.
    """
    metric, score = monitor.metric, monitor.score(values)
    found = f"{metric} = {values.get(metric, math.nan):.4g} is worse than"
    if best_score - score > self.max_drop:
      drop = f"{best_score - score:.3g}"
      return f"{found} its best by {drop}, as in catastrophic overfitting"
    if self.floor is None or step < self.floor_after:
      return None
    if score >= monitor.score({metric: self.floor}):
      return None
    return (
      f"{found} training.floor = {self.floor:.4g} after the "
      f"{self.floor_after} steps of training.floor_after, as of a model at "
      "chance: lower the learning rate, or warm up the attack "
      "(loss.warmup_steps)"
    )
