"""Attacks on the detections of a model, `(key, model, x, targets) -> x_adv`.

They need no labels. Attacks with the objects of an image as targets are
`attacks.compose` with the objectives in `losses.detection`.
"""

from robust_jax.attacks.detection.tog import tog

__all__ = ["tog"]
