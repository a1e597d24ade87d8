"""Losses of a detector's raw outputs and padded boxes, `(outputs, targets) ->
[B]`.

Outputs are "heatmap", logits `[B, h, w, K]`, and "boxes" `[B, h, w, 4]`, one
for each cell of 4x4 pixels (`cells`). Targets are "boxes" `[B, G, 4]` (left,
top, right, bottom) in pixels, "classes" `[B, G]` and "present" `[B, G]`, which
is 0 for padding. They may be the objects of an image or what a detector finds
in it. All are defined for images without objects, and `targeted` turns each
into its opposite.
"""

from robust_jax.losses.detection._check import check_outputs as check_outputs
from robust_jax.losses.detection.attacked import fabricate, mislabel, vanish
from robust_jax.losses.detection.trained import (
  center_net,
  classification,
  localization,
)

__all__ = [
  "center_net",
  "classification",
  "fabricate",
  "localization",
  "mislabel",
  "vanish",
]
