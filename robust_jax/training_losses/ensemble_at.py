"""Ensemble adversarial training: examples of other models, and of its own."""

from collections.abc import Sequence

import jax

from robust_jax.training_losses._common import (
  adversarial_examples,
  cross_entropy,
)
from robust_jax.types import (
  Array,
  Attack,
  Batch,
  Forward,
  Key,
  LossOutput,
  Model,
  PyTree,
  TrainingLoss,
)


def ensemble_at(
  attack: Attack, surrogates: Sequence[Model] = ()
) -> TrainingLoss:
  """Ensemble adversarial training: examples of other models, and of its own.

      per_example = (CE(f(x), y) + CE(f(x_adv), y)) / 2
      x_adv       = attack(x, y) on g, drawn from the surrogates and f

  The surrogates are frozen, so a model cannot make their examples weak by
  hiding its gradients, as it does in training on its own one-step examples. One
  g is drawn for each step, the same on all devices.

  Args:
    attack: of one step in the paper, FGSM or `attacks.rand_fgsm`.
    surrogates: trained models, x -> logits `[B, K]`, of other architectures in
      the paper. Without any, the loss cannot be called.

  Returns:
    The loss. Its outputs are the logits on x_adv; it reports "attack_passes".
    The running BatchNorm statistics see x, then x_adv.

  Raises:
    ValueError: the loss raises it if there are no surrogates.

  Source: Tramer et al. 2018, "Ensemble adversarial training: attacks and
  defenses", section 3.4, and their code. Deviation: g is drawn by the number of
  the step alone, so every run has the same order of models.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import attacks, training_losses
    >>> other = lambda x: 3 * x
    >>> attack = attacks.rand_fgsm(0.1)
    >>> loss = training_losses.ensemble_at(attack, [other])
  """

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    if not surrogates:
      raise ValueError(
        "ensemble_at without surrogates: expected trained models; in a config "
        "config.surrogates.runs names their work directories."
      )
    key_attack, key_clean, key_adv = jax.random.split(key, 3)
    x, y = batch["x"], batch["y"]
    index = _drawn(forward.step, 1 + len(surrogates))

    def on_one_model(key: Key, own: Model, x: PyTree, targets: PyTree):
      return jax.lax.switch(
        index,
        [lambda g=g: attack(key, g, x, targets) for g in (own, *surrogates)],
      )

    x_adv, cost = adversarial_examples(on_one_model, key_attack, forward, x, y)
    logits, model_state = forward.train(key_clean, x)
    logits_adv, model_state = forward.train(key_adv, x_adv, model_state)
    both = (cross_entropy(logits, y) + cross_entropy(logits_adv, y)) / 2
    return LossOutput(both, logits_adv, cost, model_state)

  return loss


def _drawn(step: Array, number: int) -> Array:
  return jax.random.randint(jax.random.key(step), (), 0, number)
