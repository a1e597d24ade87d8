"""Misclassification-aware adversarial training (MART)."""

import jax
import jax.numpy as jnp

from robust_jax import checks, losses, metrics
from robust_jax.training_losses._common import adversarial_examples
from robust_jax.types import (
  Array,
  Attack,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def mart(
  attack: Attack, *, beta: float = 5.0, warmup_steps: int = 0
) -> TrainingLoss:
  """Misclassification-aware adversarial training (MART).

      per_example = BCE(p', y) + beta KL(p || p') (1 - p_y)
      BCE(p', y)  = -log p'_y - log(1.0001 - max_{k != y} p'_k)

  Here p = softmax f(x), p' = softmax f(x_adv) and x_adv = attack(x, y). There
  are two training passes: the running BatchNorm statistics are updated by x,
  then by x_adv, as in the authors' code. Gradients flow through p and p'.

  Args:
    attack: the inner maximization; of the cross-entropy in the paper, as for
      `pgd_at`.
    beta: weight of the divergence; lambda in the paper, 5 or 6 in its code.
    warmup_steps: as for `pgd_at`.

  Returns:
    The loss. Its outputs are the logits on x_adv; it reports the metrics "kl"
    and "attack_passes".

  Raises:
    ValueError: beta or warmup_steps is negative.

  Source: Wang et al. 2020, "Improving adversarial robustness requires
  revisiting misclassified examples", eq. 9 to 11; 1.0001 is from their code.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> batch["mask"] = jnp.ones(1)
    >>> attack = lambda key, model, x, y: x + jnp.array([1.0, 0.0])
    >>> out = training_losses.mart(attack)(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 2)  # 1.31 + 1.31 + 5 * 0.12 / 2
    2.93
  """
  checks.non_negative("beta", beta)
  checks.non_negative("warmup_steps", warmup_steps)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_clean, key_adv = jax.random.split(key, 3)
    x, y = batch["x"], batch["y"]
    x_adv, cost = adversarial_examples(
      attack, key_attack, forward, x, y, warmup_steps
    )
    logits, model_state = forward.train(key_clean, x)
    logits_adv, model_state = forward.train(key_adv, x_adv, model_state)
    kl = losses.kl(logits_adv, logits)
    doubt = -jnp.expm1(-losses.cross_entropy(logits, y))  # 1 - p_y
    per_example = _boosted_cross_entropy(logits_adv, y) + beta * kl * doubt
    report = cost | {"kl": metrics.average(kl, batch["mask"])}
    return LossOutput(per_example, logits_adv, report, model_state)

  return loss


def _boosted_cross_entropy(logits: Array, labels: Array) -> Array:
  p = jax.nn.softmax(logits.astype(jnp.float32))
  is_label = jax.nn.one_hot(labels, p.shape[-1], dtype=bool)
  best_other = jnp.where(is_label, 0.0, p).max(axis=-1)
  return losses.cross_entropy(logits, labels) - jnp.log(1.0001 - best_other)
