"""Imports of all parts, made once for them; no device is touched.

The loaders of data start threads, and are left to the part that needs them.
"""

import flax.linen
import jax
import optax

from robust_jax import attacks, corruptions, training_losses
from robust_jax.attacks.autoattack import suite

__all__ = [
  "attacks",
  "corruptions",
  "flax",
  "jax",
  "optax",
  "suite",
  "training_losses",
]
