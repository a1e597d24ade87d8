"""Accuracy of a classifier: clean, under each attack, and under the worst."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from robust_jax import losses, metrics
from robust_jax.types import Array, Attack, Batch, Key, LogitsFn, Metrics


def robustness(
  attacks: Mapping[str, Attack],
) -> Callable[[LogitsFn, Batch, Key], Metrics]:
  """Measures a model on one batch; runs inside `parallel.pmap_evaluate`.

  Success is the re-evaluated answer on what the attack returned. The worst case
  is taken per example: it counts where the clean image and every attack's image
  are answered right.

  Args:
    attacks: name -> attack.

  Returns:
    `(logits_fn, batch, key) -> metrics` with "loss", "accuracy", and
    "<name>_accuracy" for each attack; for several, "worst_case_accuracy" too.
  """

  def evaluate(logits_fn: LogitsFn, batch: Batch, key: Key) -> Metrics:
    x, labels, mask = batch["x"], batch["y"], batch["mask"]
    logits = logits_fn(x)
    correct = {"accuracy": _correct(logits, labels)}
    for name, attack in attacks.items():
      key, key_attack = jax.random.split(key)
      x_adv = attack(key_attack, logits_fn, x, labels)
      correct[f"{name}_accuracy"] = _correct(logits_fn(x_adv), labels)
    if len(attacks) > 1:
      survives = jnp.stack(list(correct.values())).all(axis=0)
      correct["worst_case_accuracy"] = survives
    loss = losses.cross_entropy(logits, labels)
    return {"loss": metrics.average(loss, mask)} | {
      name: metrics.average(value, mask) for name, value in correct.items()
    }

  return evaluate


def _correct(logits: Array, labels: Array) -> Array:
  return logits.argmax(axis=-1) == labels
