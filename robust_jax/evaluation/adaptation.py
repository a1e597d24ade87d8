"""What is measured of a network between two domains."""

from collections.abc import Mapping

import numpy as np

from robust_jax import losses, metrics
from robust_jax.evaluation.information import information, information_sums
from robust_jax.models.adapted import Adapted
from robust_jax.types import Batch, Metrics


def adaptation(network: Adapted, batch: Batch) -> Metrics:
  """Measures a batch; runs inside `parallel.pmap_evaluate`.

  Args:
    network: frozen, as it answers either domain.
    batch: `{"source": Batch, "target": Batch}`, both with labels.

  Returns:
    "loss" and "source_accuracy" on the source, what `information` needs of the
    target, and "target_accuracy", which nobody without labels of the target
    can know: an oracle.
  """
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


def summarise(averages: Mapping[str, float | np.ndarray]) -> dict[str, float]:
  """The averages of a whole evaluation, with "information" for its parts."""
  parts = ("mean_prediction", "prediction_entropy")
  kept = {name: v for name, v in averages.items() if name not in parts}
  return {**kept, "information": information(averages)}
