"""The cross-entropy of training, whose labels may be probabilities."""

import jax.numpy as jnp
import optax

from robust_jax import losses
from robust_jax.types import Array


def cross_entropy(logits: Array, labels: Array) -> Array:
  """`[B]`, of labels that are classes `[B]` or probabilities `[B, K]`."""
  if labels.ndim == 1:
    return losses.cross_entropy(logits, labels)
  return optax.softmax_cross_entropy(logits.astype(jnp.float32), labels)
