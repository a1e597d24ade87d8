"""What is measured of a network between two domains."""

from collections.abc import Mapping

import numpy as np

from robust_jax import losses, metrics
from robust_jax.evaluation.information import information, information_sums
from robust_jax.types import Batch, LogitsFn, Metrics


def adaptation(
  source_fn: LogitsFn, target_fn: LogitsFn, batch: Batch
) -> Metrics:
  """Measures a batch; runs inside `parallel.pmap_evaluate`.

  Args:
    source_fn: the network as it answers the source.
    target_fn: as it answers the target.
    batch: `{"source": Batch, "target": Batch}`, both with labels.

  Returns:
    "loss" and "source_accuracy" on the source, what `information` needs of the
    target, and "target_accuracy", which nobody without labels of the target
    can know: an oracle.
  """
  source, target = batch["source"], batch["target"]
  logits = source_fn(source["x"])
  answers = target_fn(target["x"])
  mask = source["mask"]
  return {
    "loss": metrics.average(losses.cross_entropy(logits, source["y"]), mask),
    "source_accuracy": metrics.accuracy(logits, source["y"], mask),
    "target_accuracy": metrics.accuracy(answers, target["y"], target["mask"]),
    **information_sums(answers, target["mask"]),
  }


def summarise(averages: Mapping[str, float | np.ndarray]) -> dict[str, float]:
  """The averages of a whole evaluation, with "information" for its parts."""
  parts = ("mean_prediction", "prediction_entropy")
  kept = {name: v for name, v in averages.items() if name not in parts}
  return {**kept, "information": information(averages)}
