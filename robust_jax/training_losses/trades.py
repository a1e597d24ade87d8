"""TRADES: the clean loss plus a divergence between clean and adversarial."""

import jax

from robust_jax import checks, losses, metrics
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
  Objective,
  TrainingLoss,
)


def trades(
  attack: Attack,
  *,
  beta: float = 6.0,
  divergence: Objective = losses.kl,
  warmup_steps: int = 0,
) -> TrainingLoss:
  """TRADES: the clean loss plus a divergence between clean and adversarial.

      per_example = CE(f(x), y) + beta KL(f(x) || f(x_adv))
      x_adv       = attack(x, f(x)), which maximizes the same KL

  There are two training passes: the running BatchNorm statistics are updated by
  x, then by x_adv, as in the authors' code. Gradients flow through both
  predictions.

  With `divergence=losses.symmetric_kl` and an attack on embeddings, one step of
  PGD on the same divergence in `perturbations.embeddings`, it is the smoothness
  of SMART.

  Args:
    attack: the inner maximization, whose targets are the clean logits of the
      frozen model: `compose(search.pgd, perturbations.linf(eps), losses.kl)`.
      It has to start at random, because the gradient of the divergence is 0 at
      x.
    beta: weight of the divergence; 1 / lambda in the paper, 1 in SMART.
    divergence: (logits on x_adv, clean logits) -> `[B]`.
    warmup_steps: as for `pgd_at`.

  Returns:
    The loss. Its outputs are the clean logits; it reports the divergence as
    "kl", and "attack_passes".

  Raises:
    ValueError: beta or warmup_steps is negative.

  Source: Zhang et al. 2019, "Theoretically principled trade-off between
  robustness and accuracy", eq. 5. SMART: Jiang et al. 2020, "SMART: robust and
  efficient fine-tuning for pre-trained natural language models", section 3.1,
  without the proximal point method of 3.2.

  Deviations: the attack starts where its search does; the authors' code starts
  at x + 0.001 N(0, 1). SMART's code does not multiply the normalized step by
  its radius, so that the largest change of a token is about 1; here the radius
  is that of the set.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> batch["mask"] = jnp.ones(1)
    >>> attack = lambda key, model, x, logits: x + jnp.array([1.0, 0.0])
    >>> out = training_losses.trades(attack)(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 2)  # log 2 + 6 * 0.12
    1.41
  """
  checks.non_negative("beta", beta)
  checks.non_negative("warmup_steps", warmup_steps)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_attack, key_clean, key_adv = jax.random.split(key, 3)
    x, reference = batch["x"], forward.inference(batch["x"])
    x_adv, cost = adversarial_examples(
      attack, key_attack, forward, x, reference, warmup_steps
    )
    logits, model_state = forward.train(key_clean, x)
    logits_adv, model_state = forward.train(key_adv, x_adv, model_state)
    kl = divergence(logits_adv, logits)
    per_example = cross_entropy(logits, batch["y"]) + beta * kl
    report = cost | {"kl": metrics.average(kl, batch["mask"])}
    return LossOutput(per_example, logits, report, model_state)

  return loss
