"""Clean accuracy and risk of parts of the images: classes, cameras, places."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from robust_jax.statistics.bootstrap import (
  Estimate,
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.weighted_averages import (
  OVERALL,
  lost_fraction,
  lost_table,
  weighted_averages,
)


@dataclasses.dataclass(frozen=True)
class Slice:
  """One part of the images; numbers in percent.

  Attributes:
    name: of the slice.
    images: how many there are.
    clean_accuracy: without a transformation.
    risk: overall; None where no image of the slice is right clean.
    families: family -> risk, without an interval; empty where there is none.
  """

  name: Hashable
  images: int
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
  """A row per group, in the order of their names.

  Slices are many, so the worst of them looks worse than it is: read its
  interval, which is not adjusted for having been picked.

  Args:
    outcomes: of one model.
    groups: N values of one type, such as labels: which slice an image is of.
    draws: as `bootstrap`; level, method and seed too.
    level: of the intervals.
    method: "bca" or "percentile".
    seed: of the draws.

  Raises:
    ValueError: another number of groups than of images.
  """
  if len(groups) != len(outcomes.ids):
    raise ValueError(
      f"{len(groups)} groups for {len(outcomes.ids)} images: expected one each."
    )
  options = {"draws": draws, "level": level, "method": method, "seed": seed}
  mixed = weighted_averages(outcomes)
  keys = [OVERALL, *((f,) for f in outcomes.families)]
  columns = [0, *(1 + mixed.index[key] for key in keys)]
  table = lost_table(outcomes, mixed)[:, columns]
  names, index = np.unique(np.asarray(groups), return_inverse=True)
  order = np.argsort(index, kind="stable")
  parts = np.split(table[order], np.cumsum(np.bincount(index))[:-1])
  return [
    _slice(name.item(), part, outcomes.families, options)
    for name, part in zip(names, parts, strict=True)
  ]


def _slice(name, table, families, options):
  clean_correct = int(table[:, 0].sum())
  accuracy = 100 * clean_correct / len(table)
  if clean_correct == 0:
    return Slice(name, len(table), accuracy, None, {})
  result = bootstrap(table[:, :2], lost_fraction, **options)
  result = exact_interval_if_degenerate(
    result, (0.0, 100.0), clean_correct, options["level"]
  )
  of_families = lost_fraction(table.sum(axis=0))[1:].tolist()
  by_family = dict(zip(families, of_families, strict=True))
  return Slice(name, len(table), accuracy, result.estimate(0), by_family)
