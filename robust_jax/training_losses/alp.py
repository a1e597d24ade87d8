"""Adversarial logit pairing (ALP): logits of x and its worst case agree."""

import jax
import jax.numpy as jnp

from robust_jax import checks, metrics
from robust_jax.training_losses._common import attacked, cross_entropy
from robust_jax.types import (
  Attack,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def alp(attack: Attack, *, weight: float = 0.5) -> TrainingLoss:
  """Adversarial logit pairing (ALP): logits of x and its worst case agree.

      per_example = (CE(z, y) + CE(z', y)) / 2 + weight mean_k (z_k - z'_k)^2
      z = f(x),  z' = f(x_adv),  x_adv = attack(x, y)

  It is here to be compared with: Engstrom, Ilyas and Athalye 2018 reduce the
  published model's accuracy on ImageNet to 0.6 %, and PGD of few steps
  overestimates models that were trained with it.

  Args:
    attack: as for `pgd_at`.
    weight: of the squared difference of the logits; 0.5 to 1.

  Returns:
    The loss. Its outputs are the logits on x_adv; it reports "pairing" and
    "attack_passes". The running BatchNorm statistics see x, then x_adv.

  Raises:
    ValueError: weight is negative.

  Example:
    >>> from robust_jax import attacks, losses, perturbations, search
    >>> from robust_jax.training_losses import alp
    >>> ball = perturbations.linf(0.1)
    >>> loss = alp(attacks.compose(search.pgd, ball, losses.cross_entropy))

  Source: Kannan, Kurakin and Goodfellow 2018, "Adversarial logit pairing",
  with both clean and adversarial examples in a batch.
  """
  checks.non_negative("weight", weight)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_clean, key_adv = jax.random.split(key, 3)
    x, y = batch["x"], batch["y"]
    x_adv, cost = attacked(attack, key_attack, forward, x, y)
    logits, model_state = forward.train(key_clean, x)
    logits_adv, model_state = forward.train(key_adv, x_adv, model_state)
    pairing = _squared_difference(logits, logits_adv)
    both = (cross_entropy(logits, y) + cross_entropy(logits_adv, y)) / 2
    report = cost | {"pairing": metrics.average(pairing, batch["mask"])}
    return LossOutput(both + weight * pairing, logits_adv, report, model_state)

  return loss


def _squared_difference(a: jax.Array, b: jax.Array) -> jax.Array:
  """`[B]`: mean over classes."""
  return jnp.square(a - b).mean(axis=-1)
