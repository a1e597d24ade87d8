"""Scores of a model: clean, under each attack, and under the worst."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from robust_jax import losses, metrics, scores
from robust_jax.types import (
  Attack,
  Batch,
  Evaluator,
  Key,
  Metrics,
  Model,
  Objective,
  Score,
)


def robustness(
  validation_attacks: Mapping[str, Attack] | None = None,
  *,
  score: Score = scores.accuracy,
  objective: Objective = losses.cross_entropy,
) -> Evaluator:
  """Scores of a model: clean, under each attack, and under the worst.

  Success is the re-evaluated output on what the attack returned. The worst case
  is taken per example, over the clean input and every attack's: of accuracies
  it counts where all are classified correctly.

  Args:
    validation_attacks: name -> attack; they are given `batch["y"]` as targets.
    score: of the model's outputs and `batch["y"]`, see `robust_jax.scores`.
    objective: likewise, which is reported as the loss.

  Returns:
    The evaluator of "loss", "<score>", and "<name>_<score>" for each attack;
    for several attacks "worst_case_<score>" too. A score of the name
    "accuracy", the default, is reported as "robust_accuracy" under an attack
    that is called "robust".
  """
  attacks, name = validation_attacks or {}, score.__name__

  def measure(model: Model, batch: Batch, key: Key) -> Metrics:
    x, targets, mask = batch["x"], batch["y"], batch["mask"]
    outputs = model(x)
    found = {name: score(outputs, targets)}
    for attack_name, attack in attacks.items():
      key, key_attack = jax.random.split(key)
      x_adv = attack(key_attack, model, x, targets)
      found[f"{attack_name}_{name}"] = score(model(x_adv), targets)
    if len(attacks) > 1:
      found[f"worst_case_{name}"] = jnp.stack(list(found.values())).min(axis=0)
    loss = objective(outputs, targets)
    found = {"loss": loss, **found}
    return {k: metrics.average(value, mask) for k, value in found.items()}

  return Evaluator(measure)
