"""The validation metric that ranks checkpoints, and those to warn of."""

import dataclasses
import math
from collections.abc import Mapping

_MODES = ("max", "min")


@dataclasses.dataclass(frozen=True)
class Monitor:
  """A validation metric, whether more or less of it is better, and warnings.

  Attributes:
    metric: name of the metric.
    mode: "max" if more is better, as of an accuracy, "min" if less is, as of a
      loss or a distance.
    warn_below: other metrics -> bounds below which training warns, as of a
      generator that has collapsed, and goes on.

  Raises:
    ValueError: the mode is neither.

  Example:
    >>> from robust_jax.training.monitor import Monitor
    >>> Monitor("frechet_distance", "min").score({"frechet_distance": 3.0})
    -3.0
  """

  metric: str
  mode: str = "max"
  warn_below: Mapping[str, float] = dataclasses.field(default_factory=dict)

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

  def warnings(self, metrics: Mapping[str, float]) -> list[str]:
    """Says which metrics are below their bounds in `warn_below`, or NaN.

    Example:
      >>> from robust_jax.training.monitor import Monitor
      >>> monitor = Monitor("loss", "min", {"spread": 0.3, "entropy": 1.0})
      >>> monitor.warnings({"spread": 0.1, "entropy": 2.0})
      ['spread = 0.1 is below training.warn_below = 0.3']
    """
    return [
      f"{name} = {metrics[name]:.3g} is below training.warn_below = {bound:g}"
      for name, bound in self.warn_below.items()
      if not metrics[name] >= bound
    ]
