"""The validation metric by which checkpoints are ranked."""

import dataclasses
import math
from collections.abc import Mapping

_MODES = ("max", "min")


@dataclasses.dataclass(frozen=True)
class Monitor:
  """A validation metric, and whether more or less of it is better.

  Attributes:
    metric: name of the metric.
    mode: "max" if more is better, as of an accuracy, "min" if less is, as of a
      loss or a distance.

  Raises:
    ValueError: the mode is neither.

  Example:
    >>> from robust_jax.training.monitor import Monitor
    >>> Monitor("frechet_distance", "min").score({"frechet_distance": 3.0})
    -3.0
  """

  metric: str
  mode: str = "max"

  def __post_init__(self):
    if self.mode not in _MODES:
      raise ValueError(
        f"training.monitor_mode = '{self.mode}': expected one of "
        f"{', '.join(_MODES)}, for whether more or less of "
        f"{self.metric} is better."
      )

  def score(self, metrics: Mapping[str, float]) -> float:
    """Computes the score of a checkpoint; the largest is the best.

    Args:
      metrics: metrics by name.

    Returns:
      The metric, negated for the mode "min"; -inf if it is missing or NaN.
    """
    value = metrics.get(self.metric, math.nan)
    if math.isnan(value):
      return -math.inf
    return value if self.mode == "max" else -value
