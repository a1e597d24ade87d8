"""Adversarial examples of a training step, and the loss of soft labels."""

import jax
import jax.numpy as jnp

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
  return losses.soft_cross_entropy(logits, labels)


def warmed_up(x_adv: Array, x: Array, step: Array, warmup_steps: int) -> Array:
  """x_adv, its change scaled up from nothing over the first steps of a run."""
  if not warmup_steps:
    return x_adv
  fraction = jnp.minimum(1.0, (step + 1) / warmup_steps)
  return fraction * x_adv + (1 - fraction) * x


def gaussian_noise(key: Key, x: Array, sigma: float, num_noise: int) -> Array:
  """`[V, B, ...]`: V draws for each example of x, float32, unclipped."""
  return sigma * jax.random.normal(key, (num_noise, *x.shape))


def train_on_copies(
  forward: Forward, key: Key, copies: Array
) -> tuple[Array, PyTree]:
  """One training pass over `[V, B, ...]`: logits `[V, B, K]`, model state."""
  flat = copies.reshape(-1, *copies.shape[2:])
  logits, model_state = forward.train(key, flat)
  return logits.reshape(*copies.shape[:2], -1), model_state


def mean_cross_entropy(logits: Array, labels: Array) -> Array:
  """Logits `[V, B, K]` -> `[B]`, the mean over copies."""
  return jax.vmap(cross_entropy, in_axes=(0, None))(logits, labels).mean(axis=0)
