"""The images and conditions on which two models agree and differ."""

import dataclasses

import numpy as np

from robust_jax.statistics.compare_risks import Comparison, Discordance
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.weighted_averages import OVERALL, weighted_averages

_MOST = 8


@dataclasses.dataclass(frozen=True)
class Fractions:
  """Of all images, in percent; they sum to 100."""

  both_right: float
  only_a: float
  only_b: float
  neither: float


@dataclasses.dataclass(frozen=True)
class Agreement:
  """Of models a and b; `dataclasses.asdict` is JSON.

  Attributes:
    a: name of the first.
    b: name of the second.
    clean: who is right about the images as they are; without labels both are.
    transformed: about transformed ones, mean over families.
    same_answer_clean: percent of images with the same class, right or wrong.
    same_answer_transformed: likewise, mean over families.
    differ_most: conditions under which one of them alone loses images, beyond
      chance, the largest differences first.
  """

  a: str
  b: str
  clean: Fractions
  transformed: Fractions
  same_answer_clean: float
  same_answer_transformed: float
  differ_most: list[Discordance]


def agreement(
  a: Outcomes,
  b: Outcomes,
  classes: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
  comparison: Comparison,
) -> Agreement:
  """Fractions of images on which both are right, one is, none is.

  Args:
    a: of the first model.
    b: of the second, as `compare_risks` takes both.
    classes: of each, (clean int `[N]`, transformed int `[N, T]`) predictions.
    comparison: of the two.
  """
  mixed = weighted_averages(a)
  weights = mixed.matrix[:, mixed.index[OVERALL]]
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
    same_answer_clean=100 * float((clean_a == clean_b).mean()),
    same_answer_transformed=_percent(transformed_a == transformed_b, weights),
    differ_most=found[:_MOST],
  )


def _fractions(a, b, weights):
  return Fractions(
    both_right=_percent(a & b, weights),
    only_a=_percent(a & ~b, weights),
    only_b=_percent(b & ~a, weights),
    neither=_percent(~a & ~b, weights),
  )


def _percent(yes, weights):
  return 100 * float(yes.mean(axis=0) @ weights)
