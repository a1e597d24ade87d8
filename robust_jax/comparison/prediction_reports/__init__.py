"""Reports of predictions: one class per module, named like its kind.

Each class follows the protocol `base.PredictionReport`.
"""

from robust_jax.comparison.prediction_reports.classes import Classes
from robust_jax.comparison.prediction_reports.detections import Detections

__all__ = ["Classes", "Detections"]
