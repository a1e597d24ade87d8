"""Results of models along perturbation sequences."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.report.compare_pairs import compare_pairs
from robust_jax.statistics.mean_corruption_error import normalized_mean
from robust_jax.statistics.proportions import mean_proportion

Flips = Mapping[str, np.ndarray]
"""Sequence -> fraction of frames that flip for each image, `[N]`."""


def sequence_results(
  flips: Mapping[str, Flips], baseline: str, level: float, seed: int
) -> dict[str, Any]:
  """Returns plain values for `report.json`; see `docs/compare.md`.

  Args:
    flips: model -> flips along the same sequences of the same images.
    baseline: model to which flip rates are relative.
    level: level of intervals; all differences hold jointly at it.
    seed: seed of the bootstrap.
  """
  estimates = {
    model: {
      name: mean_proportion(values, level=level, seed=seed)
      for name, values in of.items()
    }
    for model, of in flips.items()
  }
  means = {
    model: np.mean(list(of.values()), axis=0) for model, of in flips.items()
  }
  models = {}
  for model, of in estimates.items():
    rates, mfr = normalized_mean(_values(of), _values(estimates[baseline]))
    mean = mean_proportion(means[model], level=level, seed=seed)
    models[model] = {
      "sequences": {name: dataclasses.asdict(one) for name, one in of.items()},
      "mean": dataclasses.asdict(mean),
      "flip_rates": rates,
      "mfr": mfr,
    }
  return {
    "baseline": baseline,
    "models": models,
    "comparisons": compare_pairs(
      means,
      "mean flip probability",
      less_is_better=True,
      level=level,
      seed=seed,
    ),
  }


def _values(estimates):
  return {name: one.value for name, one in estimates.items()}
