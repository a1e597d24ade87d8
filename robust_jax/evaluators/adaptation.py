"""Scores of a network between two domains, with and without labels."""

from collections.abc import Mapping

import numpy as np

from robust_jax import losses, metrics
from robust_jax.evaluators._information import information, information_sums
from robust_jax.models.inference import DomainAdaptedModel
from robust_jax.types import Batch, Evaluator, Key, Metrics


def adaptation() -> Evaluator:
  """Scores of a network between two domains, with and without labels.

  Returns:
    The evaluator of a `models.adapted.Adapted` on batches `{"source": Batch,
    "target": Batch}`, both with labels. It reports "loss" and "source_accuracy"
    on the source; "information", a validator that knows no label of the target;
    and "target_accuracy", which nobody without such labels can know: an oracle.
  """
  return Evaluator(_measure, _summarize)


def _measure(network: DomainAdaptedModel, batch: Batch, key: Key) -> Metrics:
  del key
  source, target = batch["source"], batch["target"]
  logits = network.source(source["x"])
  answers = network.target(target["x"])
  mask = source["mask"]
  return {
    "loss": metrics.average(losses.cross_entropy(logits, source["y"]), mask),
    "source_accuracy": metrics.accuracy(logits, source["y"], mask),
    "target_accuracy": metrics.accuracy(answers, target["y"], target["mask"]),
    **information_sums(answers, target["mask"]),
  }


def _summarize(averages: Mapping[str, float | np.ndarray]) -> dict[str, float]:
  """The averages of a whole evaluation, with "information" for its parts."""
  parts = ("mean_prediction", "prediction_entropy")
  kept = {name: v for name, v in averages.items() if name not in parts}
  return {**kept, "information": information(averages)}
