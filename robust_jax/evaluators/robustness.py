"""Clean score, score under each attack, and worst case over attacks."""

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
  objective: Objective | None = losses.cross_entropy,
) -> Evaluator:
  """Measures a model's score on clean inputs, under attacks, and at worst.

  The model is re-evaluated on what each attack returned. The worst case is
  taken per example, over the clean input and all attacks: for accuracies, the
  fraction of examples that are always classified correctly.

  Args:
    validation_attacks: name -> attack; their targets are `batch["y"]`.
    score: score of the model's outputs and `batch["y"]`, see
      `robust_jax.scores`.
    objective: objective of the same, whose mean is reported as "loss"; None for
      none.

  Returns:
    The evaluator. It reports "loss", "<score>", "<attack>_<score>" for each
    attack, and "worst_case_<score>" if there are several. For example an attack
    named "robust" with the default score reports "robust_accuracy".

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import evaluators, metrics
    >>> flip = lambda key, model, x, labels: 1 - x
    >>> evaluator = evaluators.robustness({"flip": flip})
    >>> batch = {"x": jnp.eye(2), "y": jnp.array([0, 1]), "mask": jnp.ones(2)}
    >>> measured = evaluator.measure(lambda x: x, batch, jax.random.key(0))
    >>> result = metrics.result(measured)
    >>> result["accuracy"], result["flip_accuracy"]
    (1.0, 0.0)
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
    if objective is not None:
      found = {"loss": objective(outputs, targets), **found}
    return {k: metrics.average(value, mask) for k, value in found.items()}

  return Evaluator(measure)
