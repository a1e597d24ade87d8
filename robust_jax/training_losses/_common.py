"""The adversarial examples of a training step, and what they cost."""

import jax.numpy as jnp
import optax

from robust_jax import losses
from robust_jax.attacks.cost import count_model_calls
from robust_jax.types import Array, Attack, Forward, Key, Metrics, PyTree


def attacked(
  attack: Attack, key: Key, forward: Forward, x: PyTree, targets: PyTree
) -> tuple[PyTree, Metrics]:
  """x_adv, and "attack_passes", the passes spent on each example.

  No gradient flows through the attack, as Danskin's theorem allows at the inner
  maximum.
  """
  x_adv = attack(key, forward.inference, x, targets)
  cost = sum(count_model_calls(attack, forward.inference, x, targets))
  return x_adv, {"attack_passes": (jnp.float32(cost), jnp.ones(()))}


def cross_entropy(logits: Array, labels: Array) -> Array:
  """`[B]`, of labels that are classes `[B]` or probabilities `[B, K]`."""
  if labels.ndim == 1:
    return losses.cross_entropy(logits, labels)
  return optax.softmax_cross_entropy(logits.astype(jnp.float32), labels)
