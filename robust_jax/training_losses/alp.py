"""Adversarial logit pairing (ALP): logits of x and its worst case agree."""

import jax
import jax.numpy as jnp

from robust_jax import checks, metrics
from robust_jax.training_losses._common import (
  adversarial_examples,
  cross_entropy,
)
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

  Source: Kannan, Kurakin and Goodfellow 2018, "Adversarial logit pairing",
  with both clean and adversarial examples in a batch.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> batch["mask"] = jnp.ones(1)
    >>> attack = lambda key, model, x, y: x + jnp.array([1.0, 0.0])
    >>> out = training_losses.alp(attack)(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 2)  # (log 2 + 1.31) / 2 + 0.5 / 2
    1.25
  """
  checks.non_negative("weight", weight)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_clean, key_adv = jax.random.split(key, 3)
    x, y = batch["x"], batch["y"]
    x_adv, cost = adversarial_examples(attack, key_attack, forward, x, y)
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
