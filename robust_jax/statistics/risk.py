"""Risk: percentage of correctly classified examples lost under a change."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from robust_jax.statistics.bootstrap import (
  Bootstrap,
  Estimate,
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.clusters import cluster_sums
from robust_jax.statistics.outcomes import INVARIANCE_TESTS, Outcomes
from robust_jax.statistics.weighted_averages import (
  OVERALL,
  Key,
  WeightedAverages,
  lost_fraction,
  lost_table,
  weighted_averages,
)


@dataclasses.dataclass(frozen=True)
class Row:
  """Effect of some conditions on a model, in percent.

  Attributes:
    risk: weighted fraction of the correctly classified clean examples that are
      misclassified under the conditions.
    improvement: examples misclassified clean and correct when transformed,
      weighted, relative to the number of correctly classified clean examples.
    net: risk - improvement, the accuracy lost relative to the clean accuracy.
    accuracy: weighted fraction of all examples that are classified correctly.
  """

  risk: Estimate
  improvement: float
  net: float
  accuracy: float


@dataclasses.dataclass(frozen=True)
class SeverityRow(Row):
  """One condition, with its weight as a fraction of its family's."""

  severity: float
  weight: float


@dataclasses.dataclass(frozen=True)
class TransformationRow(Row):
  """All severities of a transformation.

  Attributes:
    breaks_at: smallest severity at which the risk exceeds the tolerance, or
      None. The risk need not be monotone: a larger severity may be tolerated
      again.
    severities: rows in increasing order of severity.
  """

  breaks_at: float | None
  severities: list[SeverityRow]


@dataclasses.dataclass(frozen=True)
class CurvePoint:
  """Weighted mean risk of a family at a severity."""

  severity: float
  risk: float


@dataclasses.dataclass(frozen=True)
class FamilyRow(Row):
  """All transformations of a family.

  Attributes:
    breaks_at: smallest severity at which the curve exceeds the tolerance.
    curve: risk by severity, increasing. It has no meaning where transformations
      have severities of different units; see those of the transformations.
    transformations: rows by name.
  """

  breaks_at: float | None
  curve: list[CurvePoint]
  transformations: dict[str, TransformationRow]


@dataclasses.dataclass(frozen=True)
class Risk:
  """Risk of a model; `dataclasses.asdict` is JSON.

  Attributes:
    examples: N.
    clean_correct: number of correctly classified clean examples, or N without
      labels.
    clean_accuracy: clean accuracy in percent, None without labels. The risk
      does not depend on it: a model that classifies few examples correctly has
      little to lose.
    labeled: False if a failure is a prediction that changed.
    overall: mean over families.
    worst_family: family of the largest risk.
    families: rows by family.
    invariance_tests: rows of transformations that should not matter, by name.
    tolerance: risk in percent above which a model "breaks".
    level: confidence level of the intervals.
    draws: number of bootstrap draws.
    method: method of the bootstrap.
    seed: seed of the bootstrap.
  """

  examples: int
  clean_correct: int
  clean_accuracy: float | None
  labeled: bool
  overall: Row
  worst_family: str
  families: dict[str, FamilyRow]
  invariance_tests: dict[str, TransformationRow]
  tolerance: float
  level: float
  draws: int
  method: Method
  seed: int


def risk(
  outcomes: Outcomes,
  *,
  tolerance: float = 5.0,
  draws: int = 2000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> Risk:
  """Risk per family and overall, with intervals over examples or clusters.

  With c_i = 1 where example i is classified correctly when clean, t_ij = 1
  where it is under condition j, and weights w_j that sum to 1: `risk = 100
  sum_i sum_j w_j c_i (1 - t_ij) / sum_i c_i`.

  At 0 no correctly classified example becomes misclassified, at 100 all do. In
  the metamorphic mode (`from_predictions` without labels) it is the fraction of
  changed predictions, and the improvement is 0.

  Intervals reflect the sampling of examples, not that of training runs or of
  noise.

  Args:
    outcomes: outcomes of one model.
    tolerance: risk in percent up to which a severity is tolerated.
    draws: number of bootstrap draws.
    level: confidence level of the intervals.
    method: "bca" or "percentile"; see `bootstrap`.
    seed: seed of the draws.

  Returns:
    A `Risk`.

  Raises:
    ValueError: no clean example is classified correctly.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import outcomes
    >>> from robust_jax.statistics.risk import risk
    >>> condition = outcomes.Condition("noise", "gaussian_noise", 1)
    >>> clean, noisy = np.arange(100) < 80, np.arange(100) < 60
    >>> ids, columns = tuple(range(100)), (condition,)
    >>> results = outcomes.Outcomes(ids, clean, noisy[:, None], columns)
    >>> risk(results).overall.risk.value  # 20 of 80
    25.0
  """
  clean_correct = int(outcomes.clean.sum())
  if clean_correct == 0:
    raise ValueError(
      f"the model classifies none of {len(outcomes.ids)} clean examples "
      "correctly, so that no risk is defined: expected at least one. Are the "
      "labels in the order of the model, and the examples in its range?"
    )
  averages = weighted_averages(outcomes.conditions)
  table = cluster_sums(lost_table(outcomes, averages), outcomes.clusters)
  result = bootstrap(
    table,
    lost_fraction,
    draws=draws,
    level=level,
    method=method,
    seed=seed,
  )
  result = exact_interval_if_degenerate(
    result, (0.0, 100.0), int((table[:, 0] > 0).sum()), level
  )
  tree = _Tree(averages, _rows(outcomes, averages, result), tolerance)
  families = {f: tree.family(f) for f in outcomes.families}
  return Risk(
    examples=len(outcomes.ids),
    clean_correct=clean_correct,
    clean_accuracy=(
      100 * clean_correct / len(outcomes.ids) if outcomes.labeled else None
    ),
    labeled=outcomes.labeled,
    overall=tree.rows[OVERALL],
    worst_family=max(families, key=lambda f: families[f].risk.value),
    families=families,
    invariance_tests=tree.transformations(INVARIANCE_TESTS),
    tolerance=tolerance,
    level=level,
    draws=draws,
    method=method,
    seed=seed,
  )


def _rows(
  outcomes: Outcomes, averages: WeightedAverages, result: Bootstrap
) -> dict[Key, Row]:
  gained = (~outcomes.clean[:, None] & outcomes.transformed).sum(axis=0)
  improvement = 100 * (gained @ averages.matrix) / outcomes.clean.sum()
  accuracy = 100 * (outcomes.transformed.mean(axis=0) @ averages.matrix)
  return {
    key: Row(
      risk=result.estimate(i),
      improvement=float(improvement[i]),
      net=float(result.value[i] - improvement[i]),
      accuracy=float(accuracy[i]),
    )
    for key, i in averages.columns.items()
  }


class _Tree(NamedTuple):
  """Rows arranged by families, transformations and severities."""

  averages: WeightedAverages
  rows: dict[Key, Row]
  tolerance: float

  def family(self, name: str) -> FamilyRow:
    members = self.transformations(name)
    points = [s for t in members.values() for s in t.severities]
    curve = []
    for severity in sorted({p.severity for p in points}):
      here = [p for p in points if p.severity == severity]
      weights = [p.weight for p in here]
      mean = np.average([p.risk.value for p in here], weights=weights)
      curve.append(CurvePoint(severity, float(mean)))
    return FamilyRow(
      **vars(self.rows[name,]),
      breaks_at=_breaks_at(curve, self.tolerance),
      curve=curve,
      transformations=members,
    )

  def transformations(self, family: str) -> dict[str, TransformationRow]:
    names = cast(list[str], self.averages.below(family))
    return {name: self._transformation(family, name) for name in names}

  def _transformation(self, family, name):
    of_family = self.averages.matrix[:, self.averages.columns[family,]]
    rows = []
    for severity in sorted(self.averages.below(family, name)):
      key = (family, name, severity)
      here = self.averages.matrix[:, self.averages.columns[key]] > 0
      rows.append(
        SeverityRow(
          **vars(self.rows[key]),
          severity=float(severity),
          weight=float(of_family[here].sum()),
        )
      )
    curve = [CurvePoint(row.severity, row.risk.value) for row in rows]
    return TransformationRow(
      **vars(self.rows[family, name]),
      breaks_at=_breaks_at(curve, self.tolerance),
      severities=rows,
    )


def _breaks_at(curve: Sequence[CurvePoint], tolerance: float) -> float | None:
  """Returns the first severity whose risk exceeds the tolerance."""
  return next((p.severity for p in curve if p.risk > tolerance), None)
