"""Kinds of predictions of compared models: one class per module.

Each class follows the protocol `base.PredictionKind`.
"""

from robust_jax.comparison.prediction_kinds.classes import Classes
from robust_jax.comparison.prediction_kinds.detections import Detections

__all__ = ["Classes", "Detections"]
