"""Resampling for statistics that are not functions of sums over examples."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.statistics.bootstrap import (
  Bootstrap,
  Estimate,
  Method,
  check_options,
  draw_counts,
  intervals,
)

CountStatistic = Callable[[np.ndarray], np.ndarray]
"""Counts `[R, N]` of the draws of each example -> values `[R, M]`, by row."""


class Resampled(NamedTuple):
  """M statistics of N examples, of D resamples, and of all examples but one.

  Those of several models or conditions are of the same resamples if N, draws
  and seed are equal, so that functions of all of them, such as differences of
  paired models, have draws as well.

  Attributes:
    value: `[M]`, on all examples.
    drawn: `[D, M]`, on the resampled examples.
    without_one: `[N, M]`, on the examples without the i-th.
  """

  value: np.ndarray
  drawn: np.ndarray
  without_one: np.ndarray

  def then(self, function: Callable[[np.ndarray], np.ndarray]) -> "Resampled":
    """Applies a function of statistics, `[..., M]` -> `[..., L]`."""
    with np.errstate(invalid="ignore", divide="ignore"):
      return Resampled(*map(function, self))

  def bootstrap(self, level: float = 0.95, method: Method = "bca") -> Bootstrap:
    """Returns values, confidence intervals and draws."""
    check_options(len(self.drawn), level)
    return intervals(*self, level=level, method=method)

  def contributions(self) -> np.ndarray:
    """Contributions `[N, M]` of the examples, whose means are the values.

    They are `value + (N - 1) (mean_j value_without_j - value_without_i)`, which
    is x_i if the statistic is the mean of x. If the statistic is a smooth
    function of the weights of examples, the deviation of their mean is the
    deviation of the statistic, so that they can be tested by random signs.

    Source: Efron & Stein 1981, "The Jackknife Estimate of Variance", (1.4).
    """
    deviations = self.without_one.mean(axis=0) - self.without_one
    return self.value + (len(deviations) - 1) * deviations


def resample(
  statistic: CountStatistic,
  num_examples: int,
  *,
  draws: int = 1000,
  seed: int = 0,
) -> Resampled:
  """Computes statistics of resampled examples.

  Args:
    statistic: number of times that each example is drawn, `[R, N]` for R
      resamples -> values `[R, M]`.
    num_examples: N.
    draws: D, number of resamples.
    seed: seed of the resamples.

  Returns:
    `Resampled`.

  Raises:
    ValueError: there are no examples, or draws is below 1.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.resampling import resample
    >>> x = np.arange(100.0)
    >>> mean = lambda counts: (counts @ x / counts.sum(axis=1))[:, None]
    >>> found = resample(mean, 100).bootstrap().estimate(0)
    >>> 40 < found.low < found.value == 49.5 < found.high < 60
    True
  """
  check_options(draws, 0.5)
  if num_examples < 1:
    raise ValueError("no examples: expected at least one.")
  everything = np.ones((1, num_examples), int)
  rows = draw_counts(num_examples, draws, seed)
  parts = [statistic(counts) for counts in rows]
  # As many rows at a time as there are in a part of the draws.
  size = len(parts[0])
  left_out = [
    statistic(1 - np.eye(num_examples, dtype=int)[start : start + size])
    for start in range(0, num_examples, size)
  ]
  return Resampled(
    statistic(everything)[0], np.concatenate(parts), np.concatenate(left_out)
  )


def join(parts: Sequence[Resampled]) -> Resampled:
  """Puts statistics of the same resamples side by side.

  Raises:
    ValueError: the numbers of examples or of draws differ.
  """
  sizes = {(len(part.without_one), len(part.drawn)) for part in parts}
  if len(sizes) != 1:
    raise ValueError(
      f"statistics of (examples, draws) {sorted(sizes)}: expected the same."
    )
  return Resampled(
    *(np.concatenate(field, axis=-1) for field in zip(*parts, strict=True))
  )


def centered_interval(
  value: float,
  statistic: Callable[[np.ndarray], float],
  num_examples: int,
  *,
  draws: int = 100,
  level: float = 0.95,
  seed: int = 0,
) -> Estimate:
  """Computes the interval of a statistic whose bias depends on the sample size.

  A resample has fewer distinct examples than the sample, so such a statistic
  has another bias there, and its draws need not lie around its value. Here they
  are moved to do so. The interval tells the variation of the estimate at this
  number of examples, for comparison with others of equally many; the bias
  stays.

  Args:
    value: the statistic of all examples.
    statistic: number of times that each example is drawn `[N]` -> the
      statistic. It need not be a function of a few sums, as that of
      `bootstrap`.
    num_examples: N.
    draws: number of resamples.
    level: confidence level.
    seed: seed of the resamples.

  Raises:
    ValueError: draws or level is out of its range.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.resampling import centered_interval
    >>> x = np.arange(100.0)
    >>> variance = lambda counts: np.cov(x, fweights=counts)
    >>> found = centered_interval(variance(np.ones(100, int)), variance, 100)
    >>> 600 < found.low < found.value < found.high < 1000
    True
  """
  check_options(draws, level)
  drawn = np.array(
    [
      statistic(counts)
      for part in draw_counts(num_examples, draws, seed)
      for counts in part
    ]
  )
  tails = np.quantile(drawn - drawn.mean(), [(1 - level) / 2, (1 + level) / 2])
  return Estimate(value, *(float(value + tail) for tail in tails))
