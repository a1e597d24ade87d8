"""What answers through several image libraries amount to."""

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
  """Plain values for `report.json`; `docs/compare.md` describes them.

  Args:
    classes: model -> int `[D, R, N]`, its answers through D decoders and R
      resizers, of which the first ones are those of training.
    labels: int `[N]`, where there are any.
    level: of intervals; all differences hold together with it.
    seed: of the bootstrap.
  """
  changed = {name: of != of[0, 0] for name, of in classes.items()}
  # Of each image, the fraction of the other libraries that change its answer.
  means = {
    name: of.reshape(-1, of.shape[-1])[1:].mean(axis=0)
    for name, of in changed.items()
  }
  models = {}
  for name, of in classes.items():
    mean = mean_proportion(means[name], level=level, seed=seed)
    models[name] = {
      "no_answer": int((of < 0).sum()),
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
      "fraction of changed answers",
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
