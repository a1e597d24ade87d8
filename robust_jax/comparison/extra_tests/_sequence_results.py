"""What models' flips along sequences amount to."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.report.compare_pairs import compare_pairs
from robust_jax.statistics.mean_corruption_error import normalized_mean
from robust_jax.statistics.proportions import mean_proportion

Flips = Mapping[str, np.ndarray]
"""Sequence -> for each image the fraction of its frames that flip, `[N]`."""


def sequence_results(
  flips: Mapping[str, Flips], baseline: str, level: float, seed: int
) -> dict[str, Any]:
  """Plain values for `report.json`; `docs/compare.md` describes them.

  Args:
    flips: model -> its flips along the same sequences of the same images.
    baseline: the model that flip rates are relative to.
    level: of intervals; all differences hold together with it.
    seed: of the bootstrap.
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
