"""Verdict on a paired difference of two models, with a sentence."""

import dataclasses
from typing import Literal

from robust_jax.statistics.bootstrap import Estimate

Verdict = Literal["A better", "B better", "no significant difference"]


@dataclasses.dataclass(frozen=True)
class Difference:
  """Difference A - B of a quantity in percent, paired by example.

  Attributes:
    what: subject of the sentence, such as "overall risk".
    difference: difference in points, with its interval. It contains 0 if and
      only if there is no significant difference: it is the bootstrap interval,
      extended to 0 where the adjusted test does not exclude 0.
    p_value: p-value of `sign_flip_test` or of McNemar's test.
    p_adjusted: p-value after Holm's correction over all families; equal to
      `p_value` for a single test.
    verdict: one model is better if `p_adjusted` is below 1 - level and the
      bootstrap interval excludes 0.
    sentence: the verdict as a sentence with the names of the models.
  """

  what: str
  difference: Estimate
  p_value: float
  p_adjusted: float
  verdict: Verdict
  sentence: str

  @property
  def is_significant(self) -> bool:
    """Returns whether one of the models is better."""
    return self.verdict != "no significant difference"


def verdict(
  what: str,
  names: tuple[str, str],
  difference: Estimate,
  p_value: float,
  p_adjusted: float,
  *,
  alpha: float,
  less_is_better: bool,
) -> Difference:
  """Returns the verdict on a difference A - B.

  Both the bootstrap interval and the test must exclude a difference of 0. The
  reported interval is the smallest one known to contain what either of them
  does not exclude.

  Args:
    what: subject of the sentence, such as "overall risk".
    names: names of A and B.
    difference: difference in points, with its bootstrap interval.
    p_value: p-value of no difference.
    p_adjusted: the same, adjusted for all tests together.
    alpha: significance level.
    less_is_better: True for risks, False for accuracies.

  Returns:
    A `Difference`.

  Example:
    >>> from robust_jax.statistics.bootstrap import Estimate
    >>> from robust_jax.statistics.verdict import verdict
    >>> difference = Estimate(-2.0, -3.0, -1.0)
    >>> p, options = 0.001, {"alpha": 0.05, "less_is_better": True}
    >>> verdict("risk", ("A", "B"), difference, p, p, **options).sentence
    'The risk of A is less than that of B, by 2.00 points (1.00 to 3.00).'
  """
  a, b = names
  one_sided = difference.low > 0 or difference.high < 0
  less, more = (a, b) if difference.value < 0 else (b, a)
  if p_adjusted < alpha and one_sided:
    word = "less" if less_is_better else "more"
    found, other = (less, more) if less_is_better else (more, less)
    sign = -1 if difference.value < 0 else 1
    sentence = (
      f"The {what} of {found} is {word} than that of {other}, by "
      f"{_points(difference, sign)}."
    )
    result: Verdict = "A better" if found == a else "B better"
  else:
    difference = dataclasses.replace(
      difference, low=min(difference.low, 0.0), high=max(difference.high, 0.0)
    )
    sentence = (
      f"The {what} of {a} and that of {b} do not differ significantly: {a} "
      f"minus {b} is {_points(difference, 1)}."
    )
    result = "no significant difference"
  return Difference(what, difference, p_value, p_adjusted, result, sentence)


def _points(difference, sign):
  """Formats `sign` times the difference with its interval."""
  low, high = sorted(sign * end for end in (difference.low, difference.high))
  value = sign * difference.value
  return f"{value:z.2f} points ({low:z.2f} to {high:z.2f})"
