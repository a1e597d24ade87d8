"""Bootstrap confidence intervals for functions of sums over examples."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypedDict

import numpy as np
import scipy.special

Method = Literal["bca", "percentile"]
Statistic = Callable[[np.ndarray], np.ndarray]
"""Sums `[..., S]` -> values `[..., M]`, computed for each row independently."""

# Draws that equal the value up to the order of summation.
_ROUNDING = 1e-9
# Counts held in memory at a time, 8 MiB.
_CHUNK = 2**20


class BootstrapOptions(TypedDict, total=False):
  """Keyword arguments of `bootstrap`."""

  draws: int
  level: float
  method: Method
  seed: int


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A value and its confidence interval from `low` to `high`."""

  value: float
  low: float
  high: float


class Bootstrap(NamedTuple):
  """Result of `bootstrap` for M statistics.

  Attributes:
    value: `[M]`, on all examples.
    low: `[M]`, lower ends of the intervals.
    high: `[M]`, upper ends of the intervals.
    draws: `[D, M]`, on the resampled examples.
  """

  value: np.ndarray
  low: np.ndarray
  high: np.ndarray
  draws: np.ndarray

  def estimate(self, index: int) -> Estimate:
    """Returns the statistic of the given index with its interval."""
    bounds = (self.value, self.low, self.high)
    return Estimate(*(float(bound[index]) for bound in bounds))


def bootstrap(
  table: np.ndarray,
  statistic: Statistic,
  *,
  draws: int = 2000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> Bootstrap:
  """Bootstrap confidence intervals by resampling examples with replacement.

  The predictions for several transformations of an example are dependent, and
  so are those of two models. Therefore a row of the table holds everything
  known about an example, and rows are drawn as a whole. A draw is a vector of
  counts, and all draws are one matrix product with the table. The statistic
  must be a function of column sums, as ratios, risks and their differences are.

  Draws for which the statistic is NaN are left out.

  Args:
    table: `[N, S]`, one row per example.
    statistic: sums over examples `[..., S]` -> `[..., M]`.
    draws: D, number of draws. With 2000 the ends of an interval vary by a few
      hundredths of its width between seeds.
    level: confidence level of the intervals.
    method: "percentile", or "bca", which corrects for bias and skewness.
    seed: seed of the draws.

  Returns:
    A `Bootstrap`.

  Raises:
    ValueError: the table is empty or not finite, draws is below 1, level is
      outside (0, 1), the method is unknown, or the statistic is not finite on
      the table.

  Source: Efron, "Better bootstrap confidence intervals", 1987, (2.3), (6.6).
  Deviation: where BCa is undefined, because all draws lie on one side of the
    value, percentiles are used.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.bootstrap import bootstrap
    >>> table = np.column_stack([np.arange(100) < 80, np.ones(100)])
    >>> result = bootstrap(table, lambda sums: sums[..., :1] / sums[..., 1:])
    >>> bool(result.low[0] < result.value[0] == 0.8 < result.high[0])
    True
  """
  table = np.asarray(table, float)
  _check(table, draws, level, method)
  total = table.sum(axis=0)
  value = statistic(total)
  if not np.isfinite(value).all():
    raise ValueError(
      f"the statistic of all {len(table)} examples is {value}: expected finite "
      "numbers."
    )
  with np.errstate(invalid="ignore", divide="ignore"):
    drawn = statistic(_resampled(table, draws, seed))
    without_one = statistic(total - table)
  return intervals(value, drawn, without_one, level, method)


def intervals(
  value: np.ndarray,
  drawn: np.ndarray,
  without_one: np.ndarray,
  level: float,
  method: Method,
) -> Bootstrap:
  """Confidence intervals from draws that were computed somehow.

  Args:
    value: `[M]`, on all N examples.
    drawn: `[D, M]`, on the resampled examples; NaN is left out.
    without_one: `[N, M]`, on all examples but one, for "bca".
    level: confidence level of the intervals.
    method: "bca" or "percentile".
  """
  tails = np.broadcast_to([(1 - level) / 2, (1 + level) / 2], (value.size, 2))
  with np.errstate(invalid="ignore", divide="ignore"):
    if method == "bca":
      tails = _bca(value, drawn, without_one, tails)
  ends = [
    np.nanquantile(column, tail)
    for column, tail in zip(drawn.T, tails, strict=True)
  ]
  low, high = np.reshape(ends, (value.size, 2)).T
  return Bootstrap(value, low, high, drawn)


def _resampled(table, draws, seed):
  parts = [counts @ table for counts in draw_counts(len(table), draws, seed)]
  return np.concatenate(parts)


def draw_counts(size: int, draws: int, seed: int) -> Iterator[np.ndarray]:
  """Yields how often each example is drawn, `[R, size]`, for R draws a time."""
  rng = np.random.default_rng(seed)
  step = max(1, _CHUNK // size)
  for start in range(0, draws, step):
    rows = min(step, draws - start)
    picked = rng.integers(size, size=(rows, size))
    picked += size * np.arange(rows)[:, None]
    counts = np.bincount(picked.ravel(), minlength=rows * size)
    yield counts.reshape(rows, size)


def _bca(value, drawn, without_one, tails):
  """Returns the levels `[M, 2]` of percentiles that BCa uses for `tails`."""
  # Without bias, as many draws are below the value as above it.
  rounding = _ROUNDING * np.nanmax(np.abs(drawn), axis=0)
  sides = (drawn < value - rounding, drawn <= value + rounding)
  below = np.mean(sides, axis=(0, 1))
  bias = scipy.special.ndtri(below)[:, None]
  deviations = without_one.mean(axis=0) - without_one
  skew = (deviations**3).sum(axis=0) / (deviations**2).sum(axis=0) ** 1.5 / 6
  z = bias + scipy.special.ndtri(tails)
  corrected = scipy.special.ndtr(bias + z / (1 - skew[:, None] * z))
  usable = np.isfinite(bias) & np.isfinite(corrected)
  return np.where(usable, corrected, tails)


def _check(table, draws, level, method):
  if table.ndim != 2 or table.size == 0 or not np.isfinite(table).all():
    raise ValueError(
      f"a table of shape {table.shape}, with "
      f"{int((~np.isfinite(table)).sum())} values that are not finite: "
      "expected numbers [N, S], one row per example."
    )
  check_options(draws, level)
  if method not in ("bca", "percentile"):
    raise ValueError(f"method = '{method}': expected 'bca' or 'percentile'.")


def check_options(draws: int, level: float) -> None:
  """Raises ValueError unless both are in their ranges."""
  if draws < 1:
    raise ValueError(f"draws = {draws}: expected 1 or more, usually 2000.")
  if not 0 < level < 1:
    raise ValueError(f"level = {level}: expected a fraction between 0 and 1.")


def exact_interval_if_degenerate(
  result: Bootstrap,
  bounds: tuple[float, float],
  num_examples: float | np.ndarray,
  level: float = 0.95,
) -> Bootstrap:
  """Replaces bootstrap intervals of width zero by exact ones.

  If none of ten examples fails, none fails in any resample, and the bootstrap
  interval is [0, 0] as it would be for a million examples. The exact interval
  extends towards the bounds by the fraction `1 - ((1 - level) / 2)^(1 / n)`:
  with a true fraction of up to that, n examples contain no exception with
  probability of at least (1 - level) / 2.

  Args:
    result: result of the bootstrap.
    bounds: smallest and largest value that one example can contribute.
    num_examples: n, the number of examples of the mean, or `[M]` of each.
    level: confidence level of `result`.

  Returns:
    `result` with wider intervals where they had no width.

  Source: Clopper & Pearson 1934, the case of no success ("rule of three").

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import bootstrap
    >>> mean = lambda sums: sums[..., :1] / sums[..., 1:]
    >>> result = bootstrap.bootstrap(np.tile([0.0, 1.0], (10, 1)), mean)
    >>> exact = bootstrap.exact_interval_if_degenerate(result, (0.0, 1.0), 10)
    >>> float(result.high[0]), round(float(exact.high[0]), 2)
    (0.0, 0.31)
  """
  spread = np.nanmax(result.draws, axis=0) - np.nanmin(result.draws, axis=0)
  flat = spread <= _ROUNDING
  missed = 1 - ((1 - level) / 2) ** (1 / num_examples)
  lowest, highest = bounds
  low = result.value - missed * (result.value - lowest)
  high = result.value + missed * (highest - result.value)
  return result._replace(
    low=np.where(flat, low, result.low),
    high=np.where(flat, high, result.high),
  )
