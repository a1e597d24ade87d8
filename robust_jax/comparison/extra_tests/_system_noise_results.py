"""Results of models under several image libraries."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.report.compare_pairs import compare_pairs
from robust_jax.statistics.proportions import mean_proportion


def system_noise_results(
  classes: Mapping[str, np.ndarray],
  labels: np.ndarray | None,
  level: float,
  seed: int,
) -> dict[str, Any]:
  """Returns plain values for `report.json`; see `docs/compare.md`.

  Args:
    classes: model -> int `[D, R, N]`, predictions with D decoders and R
      resizers, those of training first.
    labels: int `[N]`, or None.
    level: level of intervals; all differences hold jointly at it.
    seed: seed of the bootstrap.
  """
  changed = {name: of != of[0, 0] for name, of in classes.items()}
  # For each image, the fraction of other libraries that change its prediction.
  means = {
    name: of.reshape(-1, of.shape[-1])[1:].mean(axis=0)
    for name, of in changed.items()
  }
  models = {}
  for name, of in classes.items():
    mean = mean_proportion(means[name], level=level, seed=seed)
    models[name] = {
      "no_prediction": int((of < 0).sum()),
      "changed": (100 * changed[name].mean(axis=2)).tolist(),
      "mean_changed": dataclasses.asdict(mean),
      "most_changed": 100 * float(changed[name].mean(axis=2).max()),
      **_accuracies(of, labels),
    }
  return {
    "labeled": labels is not None,
    "models": models,
    "comparisons": compare_pairs(
      means,
      "fraction of changed predictions",
      less_is_better=True,
      level=level,
      seed=seed,
    ),
  }


def _accuracies(classes, labels) -> dict[str, Any]:
  if labels is None:
    return {"accuracy": None, "accuracies": None}
  accuracy = 100 * (classes == labels).mean(axis=2)
  summary = {
    "mean": float(accuracy.mean()),
    "deviation": float(accuracy.std()),
    "least": float(accuracy.min()),
  }
  return {"accuracy": accuracy.tolist(), "accuracies": summary}
