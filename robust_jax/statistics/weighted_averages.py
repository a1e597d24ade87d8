"""The averages over conditions that a risk is reported for."""

from typing import NamedTuple

import numpy as np

from robust_jax.statistics.outcomes import Outcomes

Key = tuple[str | float, ...]
"""`()`, `(family,)`, `(family, transformation)` or with the severity too."""

OVERALL: Key = ()
"""The mean over families."""


class WeightedAverages(NamedTuple):
  """R averages over T conditions.

  Attributes:
    index: what each column of the matrix is an average over.
    matrix: `[T, R]`, every column sums to 1.
  """

  index: dict[Key, int]
  matrix: np.ndarray

  def below(self, *key: str) -> list[str | float]:
    """Last parts of the keys that are one longer than `key`, in their order."""
    return [
      k[-1]
      for k in self.index
      if len(k) == len(key) + 1 and k[: len(key)] == key
    ]


def weighted_averages(outcomes: Outcomes) -> WeightedAverages:
  """Overall, every family, every transformation and every condition.

  Families count alike overall, conditions within a family by their weight.
  Invariance tests has columns as a family has, but is no part of overall.
  """
  keys = [(c.family, c.transformation, c.severity) for c in outcomes.conditions]
  weight = np.array([c.weight for c in outcomes.conditions], float)
  columns: dict[Key, np.ndarray] = {OVERALL: np.zeros_like(weight)}
  for length in (1, 2, 3):
    for key in dict.fromkeys(k[:length] for k in keys):
      column = weight * [k[:length] == key for k in keys]
      columns[key] = column / column.sum()
  families = outcomes.families
  columns[OVERALL] = sum(columns[f,] for f in families) / len(families)
  index = {key: i for i, key in enumerate(columns)}
  return WeightedAverages(index, np.stack(list(columns.values()), axis=1))


def lost_table(outcomes: Outcomes, mixed: WeightedAverages) -> np.ndarray:
  """`[N, 1 + R]` per image: right clean, and how much of it each mixture loses.

  Sums of its rows are what `lost_fraction` takes.
  """
  lost = outcomes.clean[:, None] & ~outcomes.transformed
  return np.column_stack([outcomes.clean, lost @ mixed.matrix])


def lost_fraction(sums: np.ndarray) -> np.ndarray:
  """Sums `[..., 1 + R]` of a `lost_table` -> risks `[..., R]`, 0 to 100."""
  return 100 * sums[..., 1:] / sums[..., :1]
