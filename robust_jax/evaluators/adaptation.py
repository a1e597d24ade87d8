"""Evaluation of domain adaptation, with and without target labels."""

from collections.abc import Mapping
from typing import Any

from robust_jax import losses, metrics
from robust_jax.evaluators._information import information, information_sums
from robust_jax.types import Batch, Evaluator, Key, Metrics


def adaptation() -> Evaluator:
  """Evaluates a model of two domains, with and without target labels.

  Returns:
    The evaluator of a `models.inference.DomainAdaptedModel` on batches
    `{"source": Batch, "target": Batch}`, both with labels. It reports "loss"
    and "source_accuracy" on the source; "information", a validator that uses no
    target labels; and "target_accuracy", which is an oracle: it uses target
    labels.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import evaluators, metrics
    >>> from robust_jax.models.inference import DomainAdaptedModel, SplitModel
    >>> split = SplitModel(lambda x: x, lambda h: 9 * h)
    >>> model = DomainAdaptedModel(split, split)
    >>> domain = {"x": jnp.eye(2), "y": jnp.array([0, 1]), "mask": jnp.ones(2)}
    >>> batch = {"source": domain, "target": domain}
    >>> evaluator = evaluators.adaptation()
    >>> measured = evaluator.measure(model, batch, jax.random.key(0))
    >>> evaluator.summarize(metrics.result(measured))["target_accuracy"]
    1.0
  """
  return Evaluator(_measure, _summarize)


def _measure(model: Any, batch: Batch, key: Key) -> Metrics:
  del key
  source, target = batch["source"], batch["target"]
  source_logits = model.source(source["x"])
  target_logits = model.target(target["x"])
  loss = losses.cross_entropy(source_logits, source["y"])
  return {
    "loss": metrics.average(loss, source["mask"]),
    "source_accuracy": metrics.accuracy(
      source_logits, source["y"], source["mask"]
    ),
    "target_accuracy": metrics.accuracy(
      target_logits, target["y"], target["mask"]
    ),
    **information_sums(target_logits, target["mask"]),
  }


def _summarize(averages: Mapping[str, Any]) -> dict[str, float]:
  """Replaces the parts of "information" by the score itself."""
  parts = ("mean_prediction", "prediction_entropy")
  others = {name: v for name, v in averages.items() if name not in parts}
  return {**others, "information": information(averages)}
