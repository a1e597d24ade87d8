"""Examples on which only one of two models fails, condition by condition."""

import dataclasses

from robust_jax.statistics.clusters import compare_binary
from robust_jax.statistics.hypothesis_tests import holm
from robust_jax.statistics.outcomes import Outcomes


@dataclasses.dataclass(frozen=True)
class Discordance:
  """One condition, on examples that both models classify correctly when clean.

  Attributes:
    family: family of the condition.
    transformation: transformation of the condition.
    severity: severity of the condition.
    only_a_lost: number of examples on which only A fails.
    only_b_lost: number of examples on which only B fails.
    p_value: exact two-sided p-value, McNemar's or that of whole clusters.
    p_adjusted: the same after Holm's correction over all conditions.
  """

  family: str
  transformation: str
  severity: float
  only_a_lost: int
  only_b_lost: int
  p_value: float
  p_adjusted: float


def discordances(a: Outcomes, b: Outcomes) -> list[Discordance]:
  """Compares two models under each condition, by exact tests.

  Args:
    a: outcomes of the first model.
    b: outcomes of the second, for the same examples and conditions.

  Returns:
    One `Discordance` per condition, invariance tests included.
  """
  both = (a.clean & b.clean)[:, None]
  lost_a, lost_b = both & ~a.transformed, both & ~b.transformed
  p_values = compare_binary(lost_a, lost_b, a.clusters)
  columns = zip(
    a.conditions,
    (lost_a & ~lost_b).sum(axis=0),
    (lost_b & ~lost_a).sum(axis=0),
    p_values,
    holm(p_values),
    strict=True,
  )
  return [
    Discordance(
      family=condition.family,
      transformation=condition.transformation,
      severity=float(condition.severity),
      only_a_lost=int(only_a),
      only_b_lost=int(only_b),
      p_value=float(p_value),
      p_adjusted=float(adjusted),
    )
    for condition, only_a, only_b, p_value, adjusted in columns
  ]
