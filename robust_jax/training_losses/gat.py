"""Guided adversarial training (GAT): predictions keep near the clean ones."""

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


def gat(attack: Attack, *, weight: float = 10.0) -> TrainingLoss:
  """Guided adversarial training (GAT): predictions keep near the clean ones.

      per_example = CE(f(x), y) + weight ||p - p'||_2^2

  with p = softmax f(x) and p' = softmax f(x_adv), x_adv = attack(x, y). There
  are two training passes. The running BatchNorm statistics see x_adv, then x,
  as in the authors' code; gradients flow through p and p'.

  Args:
    attack: any, as for `pgd_at`.
    weight: of the squared distance; 10 in the authors' code for CIFAR-10.

  Returns:
    The loss. Its outputs are the clean logits; it reports "distance", the
    squared one, and "attack_passes".

  Raises:
    ValueError: weight is negative.

  Source: Sriramanan et al. 2020, "Guided adversarial attack for evaluating and
  enhancing adversarial defenses", and their code. Deviation: their attack is
  a step on the cross-entropy, in every other iteration with the distance added.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> batch["mask"] = jnp.ones(1)
    >>> attack = lambda key, model, x, y: x + jnp.array([1.0, 0.0])
    >>> out = training_losses.gat(attack)(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 2)  # log 2 + 10 * 2 * 0.23 ** 2
    1.76
  """
  checks.non_negative("weight", weight)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_clean, key_adv = jax.random.split(key, 3)
    x, y = batch["x"], batch["y"]
    x_adv, cost = adversarial_examples(attack, key_attack, forward, x, y)
    logits_adv, model_state = forward.train(key_adv, x_adv)
    logits, model_state = forward.train(key_clean, x, model_state)
    p, p_adv = (
      jax.nn.softmax(z.astype(jnp.float32)) for z in (logits, logits_adv)
    )
    distance = jnp.sum((p - p_adv) ** 2, axis=-1)
    per_example = cross_entropy(logits, y) + weight * distance
    report = cost | {"distance": metrics.average(distance, batch["mask"])}
    return LossOutput(per_example, logits, report, model_state)

  return loss
