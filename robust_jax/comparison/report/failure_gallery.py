"""Images on which a model fails worst."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.comparison.cases import Case
from robust_jax.comparison.prediction_store import CasePredictions
from robust_jax.statistics.outcomes import Outcomes

# Of models that give no confidences: as sure as not.
_UNKNOWN = 0.5


class Failure(NamedTuple):
  """An image that a model answers right clean and wrong transformed.

  Attributes:
    row: which image.
    case: index of the case.
  """

  row: int
  case: int


def failure_gallery(
  outcomes: Outcomes,
  reads: Mapping[str, CasePredictions],
  cases: Sequence[Case],
  most: int = 8,
) -> list[Failure]:
  """The surest wrong answers first, each image and transformation once.

  Among answers equally sure, the least level is the worst.

  Args:
    outcomes: of one model.
    reads: its answers by the name of the case.
    cases: T, as `outcomes.conditions`.
    most: failures to be shown.
  """
  lost = outcomes.clean[:, None] & ~outcomes.transformed
  sure = np.stack([reads[case.name].confidences for case in cases], axis=1)
  sure = np.where(np.isnan(sure), _UNKNOWN, sure)
  levels = np.array([case.level for case in cases])
  # lexsort's last key is the first to sort by.
  rows, columns = np.nonzero(lost)
  order = np.lexsort((rows, levels[columns], -sure[rows, columns]))
  found: list[Failure] = []
  seen_rows: set[int] = set()
  seen_kinds: set[str] = set()
  for place in order:
    row, column = int(rows[place]), int(columns[place])
    kind = _kind(cases[column])
    if row in seen_rows or kind in seen_kinds:
      continue
    seen_rows.add(row)
    seen_kinds.add(kind)
    found.append(Failure(row, column))
    if len(found) == most:
      break
  return found


def _kind(case):
  """Shifts by one pixel and by another are one kind."""
  return case.transformation.name.partition("(")[0]
