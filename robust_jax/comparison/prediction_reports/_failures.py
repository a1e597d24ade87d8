"""Selection of the worst failures of a model."""

from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.comparison.cases import Case
from robust_jax.comparison.prediction_kinds.classes import ClassPredictions
from robust_jax.comparison.prediction_reports.base import Failure
from robust_jax.statistics.outcomes import Outcomes

# Confidence of models that return only classes.
_UNKNOWN_CONFIDENCE = 0.5


def most_confident_failures(
  outcomes: Outcomes,
  predictions: Mapping[str, ClassPredictions],
  cases: Sequence[Case],
  max_failures: int = 8,
) -> list[Failure]:
  """Selects the most confident failures, each example and transformation once.

  Among failures of equal confidence the smallest level is first.

  Args:
    outcomes: outcomes of one model.
    predictions: its predictions by the name of the case.
    cases: T cases, in the order of `outcomes.conditions`.
    max_failures: largest number of failures.
  """
  lost = outcomes.clean[:, None] & ~outcomes.transformed
  confidence = np.stack(
    [predictions[case.name].confidences for case in cases], axis=1
  )
  confidence = np.where(np.isnan(confidence), _UNKNOWN_CONFIDENCE, confidence)
  levels = np.array([case.level for case in cases])
  # The last key of lexsort is the primary one.
  rows, columns = np.nonzero(lost)
  order = np.lexsort((rows, levels[columns], -confidence[rows, columns]))
  return distinct_failures(rows[order], columns[order], cases, max_failures)


def distinct_failures(
  rows: np.ndarray,
  columns: np.ndarray,
  cases: Sequence[Case],
  max_failures: int,
) -> list[Failure]:
  """Returns the first failures, each example and transformation once.

  Args:
    rows: examples of the failures, in the order of preference.
    columns: indices of their cases.
    cases: the cases.
    max_failures: largest number of failures.
  """
  found: list[Failure] = []
  seen_rows: set[int] = set()
  seen_kinds: set[str] = set()
  for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
    kind = _kind(cases[column])
    if row in seen_rows or kind in seen_kinds:
      continue
    seen_rows.add(row)
    seen_kinds.add(kind)
    found.append(Failure(row, column))
    if len(found) == max_failures:
      break
  return found


def _kind(case):
  """Returns the kind of a transformation; all pixel shifts are one kind."""
  return case.transformation.name.partition("(")[0]
