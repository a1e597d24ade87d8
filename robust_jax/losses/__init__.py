"""Losses per example: logits `[B, K]` and labels `[B]` int to `[B]` float32.

Each loss is an `Objective`: it grows as the prediction of the label gets worse.
Searches maximize it, and training minimizes its mean. Each raises ValueError
for logits or labels it does not apply to: shapes are always checked, the range
of the labels where their values are known.

A model can exclude a class by a logit of -inf, or of the smallest finite
float32. Losses and gradients are then the same as without that class.
"""

from robust_jax.losses.divergences import jensen_shannon as jensen_shannon
from robust_jax.losses.divergences import kl, soft_cross_entropy, symmetric_kl
from robust_jax.losses.divergences import (
  log_mean_probability as log_mean_probability,
)
from robust_jax.losses.margins import cross_entropy, dlr, margin, soft_margin
from robust_jax.losses.margins import logit_difference as logit_difference
from robust_jax.losses.margins import targeted_dlr as targeted_dlr
from robust_jax.losses.transforms import (
  prioritize_misclassified as prioritize_misclassified,
)
from robust_jax.losses.transforms import targeted as targeted

__all__ = [
  "cross_entropy",
  "dlr",
  "kl",
  "margin",
  "soft_cross_entropy",
  "soft_margin",
  "symmetric_kl",
]
