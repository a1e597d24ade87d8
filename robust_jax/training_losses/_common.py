"""Adversarial examples of a training step, and the loss of soft labels."""

import jax
import jax.numpy as jnp

from robust_jax import losses
from robust_jax.attacks.cost import count_model_calls
from robust_jax.types import Array, Attack, Forward, Key, Metrics, PyTree


def adversarial_examples(
  attack: Attack,
  key: Key,
  forward: Forward,
  x: PyTree,
  targets: PyTree,
  warmup_steps: int = 0,
) -> tuple[PyTree, Metrics]:
  """Computes x_adv and the metric "attack_passes", its passes per example.

  No gradient flows through the attack, as Danskin's theorem allows at the inner
  maximum. Over the first `warmup_steps` of a run the change is scaled up
  linearly.

  Raises:
    ValueError: there are warm-up steps, and x is not an array.
  """
  if warmup_steps and not hasattr(x, "shape"):
    raise ValueError(
      f"warmup_steps = {warmup_steps} with inputs of the type "
      f"{type(x).__name__}: expected 0, since only arrays can be scaled."
    )
  x_adv = attack(key, forward.inference, x, targets)
  if warmup_steps:
    fraction = jnp.minimum(1.0, (forward.step + 1) / warmup_steps)
    x_adv = fraction * x_adv + (1 - fraction) * x
  cost = sum(count_model_calls(attack, forward.inference, x, targets))
  return x_adv, {"attack_passes": (jnp.float32(cost), jnp.ones(()))}


def cross_entropy(logits: Array, labels: Array) -> Array:
  """Cross-entropy `[B]` of classes `[B]` or class probabilities `[B, K]`."""
  if labels.ndim == 1:
    return losses.cross_entropy(logits, labels)
  return losses.soft_cross_entropy(logits, labels)


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
