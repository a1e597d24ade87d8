"""Which of two models is better in one respect, and in words."""

import dataclasses
from typing import Literal

from robust_jax.statistics.bootstrap import Estimate

Verdict = Literal["A better", "B better", "not told apart"]


@dataclasses.dataclass(frozen=True)
class Difference:
  """A - B of something in percent, paired by image.

  Attributes:
    what: "overall risk", the subject of the sentence.
    difference: in points, with its interval. It holds 0 exactly where nothing
      is told: that of the bootstrap, widened to 0 where the test, adjusted,
      does not exclude 0.
    p_value: of `sign_flip_test`, or McNemar's.
    p_adjusted: Holm's over all families; the same for what stands alone.
    verdict: that one is better takes both a `p_adjusted` below 1 - level and a
      bootstrap interval on one side of 0.
    sentence: the same in words, with the models' names.
  """

  what: str
  difference: Estimate
  p_value: float
  p_adjusted: float
  verdict: Verdict
  sentence: str


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
  """Judges A - B.

  What the bootstrap's interval or the test leaves open is left open: both must
  exclude a difference of 0 before it is told, and the interval that is reported
  is the smallest one that holds what either of them does not exclude, as far as
  it is known.

  Args:
    what: "overall risk", the subject of the sentence.
    names: of A and B.
    difference: in points, with the bootstrap's interval.
    p_value: of no difference.
    p_adjusted: the same for all tests together.
    alpha: below it, a difference is told.
    less_is_better: of two risks; more is, of two accuracies.
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
    answer: Verdict = "A better" if found == a else "B better"
  else:
    difference = dataclasses.replace(
      difference, low=min(difference.low, 0.0), high=max(difference.high, 0.0)
    )
    sentence = (
      f"The {what} of {a} and that of {b} are not told apart: {a} minus {b} is "
      f"{_points(difference, 1)}."
    )
    answer = "not told apart"
  return Difference(what, difference, p_value, p_adjusted, answer, sentence)


def _points(difference, sign):
  """`sign` times the difference; its interval is turned round with it."""
  low, high = sorted(sign * end for end in (difference.low, difference.high))
  value = sign * difference.value
  return f"{value:z.2f} points ({low:z.2f} to {high:z.2f})"
