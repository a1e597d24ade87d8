"""Weighted averages over conditions, for which risks are reported."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.statistics.outcomes import Condition, Outcomes, families

Key = tuple[str | float, ...]
"""`()`, `(family,)`, `(family, transformation)`, or with a severity as well."""

OVERALL: Key = ()
"""The mean over families."""


class WeightedAverages(NamedTuple):
  """R weighted averages over T conditions.

  Attributes:
    columns: key -> column of the matrix.
    matrix: `[T, R]`, weights; every column sums to 1.
  """

  columns: dict[Key, int]
  matrix: np.ndarray

  def below(self, *key: str) -> list[str | float]:
    """Returns the last parts of keys that extend `key` by one, in order."""
    return [
      k[-1]
      for k in self.columns
      if len(k) == len(key) + 1 and k[: len(key)] == key
    ]


def weighted_averages(conditions: Sequence[Condition]) -> WeightedAverages:
  """Averages overall, by family, by transformation and by condition.

  Families have equal weight overall, conditions within a family their own
  weights. Invariance tests have columns like a family, but no weight overall.
  """
  keys = [(c.family, c.transformation, c.severity) for c in conditions]
  weight = np.array([c.weight for c in conditions], float)
  columns: dict[Key, np.ndarray] = {OVERALL: np.zeros_like(weight)}
  for length in (1, 2, 3):
    for key in dict.fromkeys(k[:length] for k in keys):
      column = weight * [k[:length] == key for k in keys]
      columns[key] = column / column.sum()
  counted = families(conditions)
  total = np.sum([columns[f,] for f in counted], axis=0)
  columns[OVERALL] = total / len(counted)
  places = {key: i for i, key in enumerate(columns)}
  return WeightedAverages(places, np.stack(list(columns.values()), axis=1))


def lost_table(outcomes: Outcomes, averages: WeightedAverages) -> np.ndarray:
  """Returns `[N, 1 + R]`: correct when clean, and the loss in each average.

  Sums of its rows are the input of `lost_fraction`.
  """
  lost = outcomes.clean[:, None] & ~outcomes.transformed
  return np.column_stack([outcomes.clean, lost @ averages.matrix])


def lost_fraction(sums: np.ndarray) -> np.ndarray:
  """Returns risks `[..., R]` from sums `[..., 1 + R]`, 0 to 100."""
  return 100 * sums[..., 1:] / sums[..., :1]
