"""Measures of one detector, and what a report tells of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from robust_jax.statistics.bootstrap import Estimate
from robust_jax.statistics.detection.average_precision import (
  PrecisionRow,
  average_precision,
)
from robust_jax.statistics.detection.changed_precision import (
  ChangedPrecision,
  changed_precision,
)
from robust_jax.statistics.detection.error_kinds import (
  FALSE_POSITIVES,
  KINDS,
  added_errors,
)
from robust_jax.statistics.detection.found import OperatingPoint
from robust_jax.statistics.detection.ranking import Ranking
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.resampling import Resampled
from robust_jax.statistics.risk_by_slice import risk_by_slice

DRAWS = 1000
"""Number of bootstrap draws of average precision."""


@dataclasses.dataclass(frozen=True, eq=False)
class DetectorMeasures:
  """Measures of one detector on N images, clean and in T cases.

  Attributes:
    outcomes: which objects it finds.
    point: its threshold of scores.
    ranking: detections in clean images.
    clean: average precision of clean images, resampled.
    changed: the same in each case.
    errors: int `[N, 6]`, kinds of errors in clean images.
    changed_errors: int `[N, T, 6]`.
    sizes: names `[objects]` of the sizes of the objects in `outcomes`.
    calibration: calibration of scores on clean images; None where they are not
      from 0 to 1.
  """

  outcomes: Outcomes
  point: OperatingPoint
  ranking: Ranking
  clean: Resampled
  changed: list[Resampled]
  errors: np.ndarray
  changed_errors: np.ndarray
  sizes: np.ndarray
  calibration: dict[str, Any] | None

  def precision(self, measure: str, level: float) -> ChangedPrecision:
    """Returns average precision under changes; see `changed_precision`."""
    return changed_precision(
      self.clean,
      self.changed,
      self.outcomes.conditions,
      measure=measure,
      level=level,
    )

  def report(
    self, class_names: Sequence[str], level: float, seed: int
  ) -> dict[str, Any]:
    """Returns plain values for `report.json`."""
    found = average_precision(self.ranking, draws=DRAWS, level=level, seed=seed)
    added = added_errors(
      self.errors,
      self.changed_errors,
      self.outcomes.conditions,
      level=level,
      seed=seed,
    )
    return {
      "operating_point": dataclasses.asdict(self.point),
      "precision": dataclasses.asdict(found),
      "changed": {
        measure: dataclasses.asdict(self.precision(measure, level))
        for measure in ("ap", "ap50")
      },
      "errors": self._clean_errors(),
      "added_errors": {
        family: {kind: dataclasses.asdict(one) for kind, one in of.items()}
        for family, of in added.items()
      },
      "objects": self._objects(found, class_names, level, seed),
    }

  def _clean_errors(self) -> dict[str, float]:
    """Returns errors per clean image by kind, and false detections of all."""
    means = self.errors.mean(axis=0)
    false = {FALSE_POSITIVES: float(means[:-1].sum())}
    return dict(zip(KINDS, means.tolist(), strict=True)) | false

  def _objects(self, found, class_names, level, seed) -> list[dict[str, Any]]:
    """Returns AP and risk of the objects of each class and of each size."""
    risks = {
      one.name: one.risk
      for groups in (labels_of(self.outcomes).tolist(), self.sizes.tolist())
      for one in risk_by_slice(self.outcomes, groups, level=level, seed=seed)
    }
    rows = {name: found.sizes[name] for name in found.sizes}
    classes = dict(zip(class_names, found.classes, strict=True))
    by_name = {name: risks.get(i) for i, name in enumerate(class_names)}
    return [
      _object_row(name, row, by_name[name]) for name, row in classes.items()
    ] + [_object_row(name, row, risks.get(name)) for name, row in rows.items()]


def _object_row(
  name: str, row: PrecisionRow, risk: Estimate | None
) -> dict[str, Any]:
  return (
    {"name": name}
    | dataclasses.asdict(row)
    | {"risk": None if risk is None else dataclasses.asdict(risk)}
  )


def labels_of(outcomes: Outcomes) -> np.ndarray:
  """Returns the classes of the objects."""
  assert outcomes.labels is not None  # objects have classes
  return outcomes.labels
