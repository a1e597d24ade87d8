"""Clean accuracy and risk of slices of the data, such as classes or cameras."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from robust_jax.statistics.bootstrap import (
  BootstrapOptions,
  Estimate,
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.clusters import cluster_sums
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.weighted_averages import (
  OVERALL,
  lost_fraction,
  lost_table,
  weighted_averages,
)


@dataclasses.dataclass(frozen=True)
class Slice:
  """One slice of the examples; numbers in percent.

  Attributes:
    name: name of the slice.
    examples: number of its examples.
    clean_accuracy: accuracy without a transformation.
    risk: overall risk; None where no clean example is classified correctly.
    families: family -> risk, without an interval; empty where risk is None.
  """

  name: Hashable
  examples: int
  clean_accuracy: float
  risk: Estimate | None
  families: dict[str, float]


def risk_by_slice(
  outcomes: Outcomes,
  groups: Sequence[Hashable],
  *,
  draws: int = 2000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> list[Slice]:
  """Clean accuracy and risk of each slice of the examples.

  Among many slices the worst one looks worse than it is; its interval is not
  adjusted for the selection.

  Args:
    outcomes: outcomes of one model.
    groups: N values of one type, such as labels: the slice of each example.
    draws: number of bootstrap draws.
    level: confidence level of the intervals.
    method: "bca" or "percentile"; see `bootstrap`.
    seed: seed of the draws.

  Returns:
    One `Slice` per group, ordered by name.

  Raises:
    ValueError: the numbers of groups and examples differ.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import outcomes
    >>> from robust_jax.statistics.risk_by_slice import risk_by_slice
    >>> condition = outcomes.Condition("noise", "gaussian_noise", 1)
    >>> clean, noisy = np.ones(8, bool), np.arange(8) < 4
    >>> ids, columns = tuple(range(8)), (condition,)
    >>> results = outcomes.Outcomes(ids, clean, noisy[:, None], columns)
    >>> slices = risk_by_slice(results, groups=["a"] * 4 + ["b"] * 4)
    >>> [(s.name, s.risk.value) for s in slices]
    [('a', 0.0), ('b', 100.0)]
  """
  if len(groups) != len(outcomes.ids):
    raise ValueError(
      f"{len(groups)} groups for {len(outcomes.ids)} examples: expected one "
      "each."
    )
  options = BootstrapOptions(draws=draws, level=level, method=method, seed=seed)
  averages = weighted_averages(outcomes.conditions)
  keys = [OVERALL, *((f,) for f in outcomes.families)]
  columns = [0, *(1 + averages.columns[key] for key in keys)]
  table = lost_table(outcomes, averages)[:, columns]
  names, index = np.unique(np.asarray(groups), return_inverse=True)
  order = np.argsort(index, kind="stable")
  parts = np.split(order, np.cumsum(np.bincount(index))[:-1])
  clusters = outcomes.clusters
  return [
    _slice(
      name.item(),
      table[part],
      None if clusters is None else clusters[part],
      outcomes.families,
      options,
    )
    for name, part in zip(names, parts, strict=True)
  ]


def _slice(name, table, clusters, families, options):
  clean_correct = int(table[:, 0].sum())
  accuracy = 100 * clean_correct / len(table)
  if clean_correct == 0:
    return Slice(name, len(table), accuracy, None, {})
  rows = cluster_sums(table[:, :2], clusters)
  result = bootstrap(rows, lost_fraction, **options)
  result = exact_interval_if_degenerate(
    result, (0.0, 100.0), int((rows[:, 0] > 0).sum()), options["level"]
  )
  of_families = lost_fraction(table.sum(axis=0))[1:].tolist()
  by_family = dict(zip(families, of_families, strict=True))
  return Slice(name, len(table), accuracy, result.estimate(0), by_family)
