"""TRADES: the clean loss, and how far the worst case moves the prediction."""

import jax

from robust_jax import checks, losses, metrics
from robust_jax.training_losses._common import attacked, cross_entropy
from robust_jax.types import (
  Attack,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def trades(attack: Attack, *, beta: float = 6.0) -> TrainingLoss:
  """TRADES: the clean loss, and how far the worst case moves the prediction.

      per_example = CE(f(x), y) + beta KL(f(x) || f(x_adv))
      x_adv       = attack(x, f(x)), which maximizes the same KL

  There are two training passes. The running BatchNorm statistics see x, then
  x_adv, as in the authors' code; gradients flow through both predictions.

  Args:
    attack: is given the clean logits of the frozen model as targets:
      `compose(search.pgd, perturbations.linf(eps), losses.kl)`. It has to
      start at random, as the gradient of the divergence at x is 0.
    beta: weight of the divergence; 1 / lambda in the paper.

  Returns:
    The loss. Its outputs are the clean logits; it reports "kl" and
    "attack_passes".

  Raises:
    ValueError: beta is negative.

  Source: Zhang et al. 2019, "Theoretically principled trade-off between
  robustness and accuracy", eq. 5. Deviation: the attack starts where its search
  does, in the authors' code at x + 0.001 N(0, 1).
  """
  checks.non_negative("beta", beta)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_clean, key_adv = jax.random.split(key, 3)
    x, reference = batch["x"], forward.inference(batch["x"])
    x_adv, cost = attacked(attack, key_attack, forward, x, reference)
    logits, model_state = forward.train(key_clean, x)
    logits_adv, model_state = forward.train(key_adv, x_adv, model_state)
    kl = losses.kl(logits_adv, logits)
    per_example = cross_entropy(logits, batch["y"]) + beta * kl
    report = cost | {"kl": metrics.average(kl, batch["mask"])}
    return LossOutput(per_example, logits, report, model_state)

  return loss
