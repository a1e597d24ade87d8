"""Adversarial examples of a training step, and the loss of soft labels."""

import jax.numpy as jnp
import optax

from robust_jax import losses
from robust_jax.attacks.cost import count_model_calls
from robust_jax.types import Array, Attack, Forward, Key, Metrics, PyTree


def adversarial_examples(
  attack: Attack, key: Key, forward: Forward, x: PyTree, targets: PyTree
) -> tuple[PyTree, Metrics]:
  """Computes x_adv and the metric "attack_passes", its passes per example.

  No gradient flows through the attack, as Danskin's theorem allows at the inner
  maximum.
  """
  x_adv = attack(key, forward.inference, x, targets)
  cost = sum(count_model_calls(attack, forward.inference, x, targets))
  return x_adv, {"attack_passes": (jnp.float32(cost), jnp.ones(()))}


def cross_entropy(logits: Array, labels: Array) -> Array:
  """Cross-entropy `[B]` of classes `[B]` or class probabilities `[B, K]`."""
  if labels.ndim == 1:
    return losses.cross_entropy(logits, labels)
  return optax.softmax_cross_entropy(logits.astype(jnp.float32), labels)
