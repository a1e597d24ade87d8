"""The validation metric by which checkpoints are ranked."""

import dataclasses
import math
from collections.abc import Mapping

_MODES = ("max", "min")


@dataclasses.dataclass(frozen=True)
class Monitor:
  """A validation metric, and whether more or less of it is better.

  Attributes:
    metric: its name.
    mode: "max" for an accuracy, "min" for a loss or a distance.

  Raises:
    ValueError: the mode is neither.
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
    """The metric, negated where less is better: the best score is the largest.

    Returns:
      -inf where the metric was not measured or is NaN.
    """
    value = metrics.get(self.metric, math.nan)
    if math.isnan(value):
      return -math.inf
    return value if self.mode == "max" else -value
