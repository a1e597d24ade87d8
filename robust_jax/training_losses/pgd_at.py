"""PGD adversarial training (PGD-AT): the loss on adversarial examples."""

import jax

from robust_jax import checks
from robust_jax.training_losses._common import (
  adversarial_examples,
  cross_entropy,
)
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
  """PGD adversarial training (PGD-AT): the loss on adversarial examples.

      per_example = objective(f(x_adv), y),  x_adv = attack(x, y)

  The attack sees the frozen model. The one training pass is on x_adv, which
  updates the BatchNorm statistics.

  Args:
    attack: the inner maximization. PGD gives Madry et al. 2018, `rs_fgsm` Wong,
      Rice and Kolter 2020. Under CutMix or mixup, whose labels are
      probabilities, its objective is `losses.soft_cross_entropy`.
    objective: the loss that is minimized on x_adv, as for `erm`.
    warmup_steps: number of steps over which the perturbation is scaled up from
      0 linearly. Without it a model may stay at chance for a large radius.

  Returns:
    The loss. Its outputs are the outputs on x_adv; it reports the metric
    "attack_passes", the forward and backward passes that the attack spends on
    each example.

  Raises:
    ValueError: warmup_steps is negative.

  Source: Madry et al. 2018, "Towards Deep Learning Models Resistant to
  Adversarial Attacks", eq. 2.1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> attack = lambda key, model, x, y: x + jnp.array([1.0, 0.0])
    >>> out = training_losses.pgd_at(attack)(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 3)
    1.313
  """
  checks.non_negative("warmup_steps", warmup_steps)
  adversarial_loss = erm(objective)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_train = jax.random.split(key)
    x_adv, cost = adversarial_examples(
      attack, key_attack, forward, batch["x"], batch["y"], warmup_steps
    )
    out = adversarial_loss(forward, {**batch, "x": x_adv}, key_train)
    return out._replace(metrics=out.metrics | cost)

  return loss
