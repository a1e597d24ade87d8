"""Accuracy that interval bounds certify."""

from robust_jax import checks, metrics
from robust_jax.certificates.interval_bounds import certified
from robust_jax.evaluators.robustness import robustness
from robust_jax.types import Batch, Evaluator, Key, Metrics, Model


def interval_bounds(eps: float) -> Evaluator:
  """Accuracy that interval bounds certify within an Linf radius.

  Args:
    eps: the radius, in input units.

  Returns:
    The evaluator of "loss", "accuracy" and "certified_accuracy".

  Raises:
    ValueError: eps is negative; when it measures, the model does something
      that has no bounds.

  Example:
    >>> from robust_jax.evaluators import interval_bounds
    >>> evaluator = interval_bounds(0.1)
  """
  checks.non_negative("eps", eps)
  clean = robustness().measure

  def measure(model: Model, batch: Batch, key: Key) -> Metrics:
    shown = certified(model, batch["x"], batch["y"], eps)
    found = {"certified_accuracy": metrics.average(shown, batch["mask"])}
    return clean(model, batch, key) | found

  return Evaluator(measure)
