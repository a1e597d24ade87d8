"""Agreement of two models: where both, one or neither is correct."""

import dataclasses

import numpy as np

from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.discordance import Discordance
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.weighted_averages import OVERALL, weighted_averages

_MOST = 8


@dataclasses.dataclass(frozen=True)
class Fractions:
  """Fractions of all examples, in percent, which sum to 100."""

  both_correct: float
  only_a: float
  only_b: float
  neither: float


@dataclasses.dataclass(frozen=True)
class Agreement:
  """Agreement of models a and b; `dataclasses.asdict` is JSON.

  Attributes:
    a: name of the first model.
    b: name of the second model.
    clean: fractions on clean examples; without labels both are correct.
    transformed: fractions on transformed examples, averaged over families.
    same_prediction_clean: percentage of examples with the same predicted class,
      correct or not.
    same_prediction_transformed: the same, averaged over families.
    differ_most: conditions under which one of them loses significantly more
      examples, largest differences first.
  """

  a: str
  b: str
  clean: Fractions
  transformed: Fractions
  same_prediction_clean: float
  same_prediction_transformed: float
  differ_most: list[Discordance]


def agreement(
  a: Outcomes,
  b: Outcomes,
  classes: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
  comparison: Comparison,
) -> Agreement:
  """Computes the agreement of two models.

  Args:
    a: outcomes of the first model.
    b: outcomes of the second, comparable as for `compare_risks`.
    classes: of each model, predictions (clean int `[N]`, transformed int
      `[N, T]`).
    comparison: comparison of the two.

  Returns:
    An `Agreement`.
  """
  averages = weighted_averages(a.conditions)
  weights = averages.matrix[:, averages.columns[OVERALL]]
  (clean_a, transformed_a), (clean_b, transformed_b) = classes
  found = sorted(
    (d for d in comparison.conditions if d.p_adjusted < 1 - comparison.level),
    key=lambda d: -abs(d.only_a_lost - d.only_b_lost),
  )
  return Agreement(
    a=comparison.a,
    b=comparison.b,
    clean=_fractions(a.clean[:, None], b.clean[:, None], np.ones(1)),
    transformed=_fractions(a.transformed, b.transformed, weights),
    same_prediction_clean=100 * float((clean_a == clean_b).mean()),
    same_prediction_transformed=_percent(
      transformed_a == transformed_b, weights
    ),
    differ_most=found[:_MOST],
  )


def _fractions(a, b, weights):
  return Fractions(
    both_correct=_percent(a & b, weights),
    only_a=_percent(a & ~b, weights),
    only_b=_percent(b & ~a, weights),
    neither=_percent(~a & ~b, weights),
  )


def _percent(yes, weights):
  return 100 * float(yes.mean(axis=0) @ weights)
