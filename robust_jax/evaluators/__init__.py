"""Evaluators: measurements of a model, during training and after it."""

from robust_jax.evaluators.adaptation import adaptation
from robust_jax.evaluators.robustness import robustness

__all__ = ["adaptation", "robustness"]
