"""Risk: percentage of correctly classified images lost under a change."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.statistics.bootstrap import (
  Bootstrap,
  Estimate,
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
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
  """What some conditions do to a model, all in percent.

  Attributes:
    risk: of the images answered right clean, the weighted fraction answered
      wrong.
    improvement: images wrong clean and right transformed, weighted, in the same
      unit: per image answered right clean.
    net: risk - improvement, the accuracy lost as a fraction of the clean
      accuracy.
    accuracy: weighted fraction of all images answered right.
  """

  risk: Estimate
  improvement: float
  net: float
  accuracy: float


@dataclasses.dataclass(frozen=True)
class SeverityRow(Row):
  """One condition; its weight is its fraction of the family's."""

  severity: float
  weight: float


@dataclasses.dataclass(frozen=True)
class TransformationRow(Row):
  """All severities of a transformation.

  Attributes:
    breaks_at: smallest severity at which the risk exceeds the tolerance, None
      if there is none. Severities need not be monotone: a larger one may be
      tolerated again.
    severities: increasing.
  """

  breaks_at: float | None
  severities: list[SeverityRow]


@dataclasses.dataclass(frozen=True)
class CurvePoint:
  """Mean risk, by weight, of what a family has at a severity."""

  severity: float
  risk: float


@dataclasses.dataclass(frozen=True)
class FamilyRow(Row):
  """All transformations of a family.

  Attributes:
    breaks_at: smallest severity at which the curve exceeds the tolerance.
    curve: by severity, increasing. Where its transformations have severities of
      different units, it means nothing; look at theirs.
    transformations: by name.
  """

  breaks_at: float | None
  curve: list[CurvePoint]
  transformations: dict[str, TransformationRow]


@dataclasses.dataclass(frozen=True)
class Risk:
  """How much of what a model can do is lost; `dataclasses.asdict` is JSON.

  Attributes:
    images: N.
    clean_correct: how many of them it answers right, or all without labels.
    clean_accuracy: in percent, None without labels. The risk does not know it:
      a model that is right about little has little to lose.
    labeled: False if a failure is a prediction that changed.
    overall: mean over families.
    worst_family: the family of the largest risk.
    families: by name.
    invariance_tests: transformations that should not matter, by name.
    tolerance: fraction of failures, in percent, beyond which it "breaks".
    level: of the intervals.
    draws: of the bootstrap.
    method: of the bootstrap.
    seed: of the bootstrap.
  """

  images: int
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
  """Risk per family and overall, with intervals clustered by image.

  0: no image that was right became wrong; 100: all did. In the metamorphic mode
  (`from_predictions` without labels) the same sums say how often the prediction
  changed, and improvement is 0.

  Intervals are about the images: another sample of the same kind. They know
  nothing of another training run or of another draw of the noise.

  Args:
    outcomes: of one model.
    tolerance: percent of failures up to which a severity is tolerated.
    draws: as `bootstrap`; level, method and seed too.
    level: fraction of intervals that hold the truth.
    method: "bca" or "percentile".
    seed: of the draws.

  Raises:
    ValueError: no image was right without a transformation.
  """
  clean_correct = int(outcomes.clean.sum())
  if clean_correct == 0:
    raise ValueError(
      f"the model answers none of {len(outcomes.ids)} images right without a "
      "transformation, so it has nothing to lose: expected at least one. Are "
      "the labels in the model's order, and the images in its range?"
    )
  mixed = weighted_averages(outcomes)
  result = bootstrap(
    lost_table(outcomes, mixed),
    lost_fraction,
    draws=draws,
    level=level,
    method=method,
    seed=seed,
  )
  result = exact_interval_if_degenerate(
    result, (0.0, 100.0), clean_correct, level
  )
  tree = _Tree(mixed, _rows(outcomes, mixed, result), tolerance)
  families = {f: tree.family(f) for f in outcomes.families}
  return Risk(
    images=len(outcomes.ids),
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
  outcomes: Outcomes, mixed: WeightedAverages, result: Bootstrap
) -> dict[Key, Row]:
  gained = (~outcomes.clean[:, None] & outcomes.transformed).sum(axis=0)
  improvement = 100 * (gained @ mixed.matrix) / outcomes.clean.sum()
  accuracy = 100 * (outcomes.transformed.mean(axis=0) @ mixed.matrix)
  return {
    key: Row(
      risk=result.estimate(i),
      improvement=float(improvement[i]),
      net=float(result.value[i] - improvement[i]),
      accuracy=float(accuracy[i]),
    )
    for key, i in mixed.index.items()
  }


class _Tree(NamedTuple):
  """Rows put in their places: families, transformations, severities."""

  mixed: WeightedAverages
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
    return {
      name: self._transformation(family, name)
      for name in self.mixed.below(family)
    }

  def _transformation(self, family, name):
    of_family = self.mixed.matrix[:, self.mixed.index[family,]]
    rows = []
    for severity in sorted(self.mixed.below(family, name)):
      key = (family, name, severity)
      here = self.mixed.matrix[:, self.mixed.index[key]] > 0
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
  """First severity whose risk exceeds the tolerance; severities increase."""
  return next((p.severity for p in curve if p.risk > tolerance), None)
