"""Evaluators: measurements of a model, during training and after it.

An `Evaluator` is named in a config or passed to a task. `minimal_eps`,
`transfer` and those of `generation` are further measurements, which are called
directly.
"""

from robust_jax.evaluators.adaptation import adaptation
from robust_jax.evaluators.confusion import confusion
from robust_jax.evaluators.detection import detection
from robust_jax.evaluators.gaussian_noise import gaussian_noise
from robust_jax.evaluators.interval_bounds import interval_bounds
from robust_jax.evaluators.paired import paired
from robust_jax.evaluators.robustness import robustness
from robust_jax.evaluators.sample_quality import sample_quality

__all__ = [
  "adaptation",
  "confusion",
  "detection",
  "gaussian_noise",
  "interval_bounds",
  "paired",
  "robustness",
  "sample_quality",
]
