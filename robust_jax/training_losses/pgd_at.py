"""PGD adversarial training (PGD-AT): the loss on the worst case of each x."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.training_losses._common import attacked, cross_entropy
from robust_jax.training_losses.erm import erm
from robust_jax.types import (
  Attack,
  Batch,
  Forward,
  Key,
  LossOutput,
  Objective,
  TrainingLoss,
)


def pgd_at(
  attack: Attack,
  *,
  objective: Objective = cross_entropy,
  warmup_steps: int = 0,
) -> TrainingLoss:
  """PGD adversarial training (PGD-AT): the loss on the worst case of each x.

      per_example = objective(f(x_adv), y),  x_adv = attack(x, y)

  The attack sees the frozen model. There is one training pass, on x_adv, and
  its BatchNorm statistics are kept.

  Args:
    attack: any; PGD gives Madry et al. 2018, `rs_fgsm` Wong, Rice and Kolter
      2020.
    objective: what is minimized on x_adv, as for `erm`.
    warmup_steps: over so many steps the change that the attack makes is scaled
      up from nothing; without it a large radius may leave the model at chance.

  Returns:
    The loss; it reports "attack_passes", the forward and backward passes that
    the attack spends on each example.

  Raises:
    ValueError: warmup_steps is negative.

  Source: Madry et al. 2018, "Towards Deep Learning Models Resistant to
  Adversarial Attacks", eq. 2.1.
  """
  checks.non_negative("warmup_steps", warmup_steps)
  of_attacked = erm(objective)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_train = jax.random.split(key)
    x = batch["x"]
    x_adv, cost = attacked(attack, key_attack, forward, x, batch["y"])
    if warmup_steps:
      fraction = jnp.minimum(1.0, (forward.step + 1) / warmup_steps)
      x_adv = fraction * x_adv + (1 - fraction) * x
    out = of_attacked(forward, {**batch, "x": x_adv}, key_train)
    return out._replace(metrics=out.metrics | cost)

  return loss
