"""Intervals for any function of sums over images, by resampling images."""

import dataclasses
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import scipy.special

Method = Literal["bca", "percentile"]
Statistic = Callable[[np.ndarray], np.ndarray]
"""Sums `[..., S]` -> values `[..., M]`, each row by itself."""

# Draws that equal the value but for the order in which they were added.
_ROUNDING = 1e-9
# Counts held at a time, 8 MiB.
_CHUNK = 2**20


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A number and the interval it is known to."""

  value: float
  low: float
  high: float


class Bootstrap(NamedTuple):
  """M statistics: `value`, `low`, `high` `[M]`, and all `draws` `[D, M]`."""

  value: np.ndarray
  low: np.ndarray
  high: np.ndarray
  draws: np.ndarray

  def estimate(self, index: int) -> Estimate:
    """The index-th statistic."""
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
  """Resamples whole images, with all that is known of each.

  An image's answers to many transformations depend on each other, and so do two
  models' answers to it: a row of the table holds them all, and is drawn or not.
  A draw is a vector of how often each image came, and all draws are one product
  of matrices with the table. So a statistic must be a function of sums, which
  ratios, risks and their differences are.

  A draw for which the statistic is not a number is left out.

  Args:
    table: `[N, S]`, one row per image.
    statistic: sums over images `[..., S]` -> `[..., M]`.
    draws: D. The ends of an interval at 2000 move by a few hundredths of its
      width from seed to seed.
    level: fraction of such intervals that hold the truth.
    method: "percentile", or "bca", which corrects for bias and skew.
    seed: of the draws.

  Raises:
    ValueError: an empty table or NaN in it; draws below 1, a level outside
      (0, 1) or an unknown method; a statistic that is not finite on the table.

  Source: Efron, "Better bootstrap confidence intervals", 1987, (2.3), (6.6).
  Where BCa is undefined, because all draws lie on one side, the percentiles are
  taken.
  """
  table = np.asarray(table, float)
  _check(table, draws, level, method)
  total = table.sum(axis=0)
  value = statistic(total)
  if not np.isfinite(value).all():
    raise ValueError(
      f"the statistic of all {len(table)} images is {value}: expected finite "
      "numbers."
    )
  with np.errstate(invalid="ignore", divide="ignore"):
    drawn = statistic(_resampled(table, draws, seed))
    tails = np.broadcast_to([(1 - level) / 2, (1 + level) / 2], (value.size, 2))
    if method == "bca":
      tails = _bca(value, drawn, statistic(total - table), tails)
  ends = [
    np.nanquantile(column, tail)
    for column, tail in zip(drawn.T, tails, strict=True)
  ]
  low, high = np.reshape(ends, (value.size, 2)).T
  return Bootstrap(value, low, high, drawn)


def _resampled(table, draws, seed):
  size = len(table)
  rng = np.random.default_rng(seed)
  step = max(1, _CHUNK // size)
  sums = np.empty((draws, table.shape[1]))
  for start in range(0, draws, step):
    rows = min(step, draws - start)
    picked = rng.integers(size, size=(rows, size))
    picked += size * np.arange(rows)[:, None]
    counts = np.bincount(picked.ravel(), minlength=rows * size)
    sums[start : start + rows] = counts.reshape(rows, size) @ table
  return sums


def _bca(value, drawn, without_one, tails):
  """Levels `[M, 2]` of the percentiles that BCa takes instead of `tails`."""
  # As many draws below as above the value, where they are not skewed.
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
      "expected numbers [N, S], one row per image."
    )
  if draws < 1:
    raise ValueError(f"draws = {draws}: expected 1 or more, 2000 as a rule.")
  if not 0 < level < 1:
    raise ValueError(f"level = {level}: expected a fraction between 0 and 1.")
  if method not in ("bca", "percentile"):
    raise ValueError(f"method = '{method}': expected 'bca' or 'percentile'.")


# Draws that differ by rounding alone, of percentages.
_ROUNDING = 1e-9


def exact_interval_if_degenerate(
  result: Bootstrap,
  bounds: tuple[float, float],
  num_images: float,
  level: float = 0.95,
) -> Bootstrap:
  """Gives intervals without width the width that `num_images` allow.

  If no image of ten fails, none fails in any resample either: the bootstrap's
  interval is [0, 0], as if there had been a million. Among n images a fraction
  of up to 1 - ((1 - level) / 2)^(1/n) of another kind is missed altogether that
  often, and what is of another kind may lie anywhere within the bounds.

  Args:
    result: of the bootstrap.
    bounds: least and largest value that one image can contribute.
    num_images: n, those that the statistic is a mean over.
    level: that of `result`.

  Source: Clopper & Pearson 1934, the case of no success; "the rule of three".
  """
  spread = np.nanmax(result.draws, axis=0) - np.nanmin(result.draws, axis=0)
  flat = spread <= _ROUNDING
  missed = 1 - ((1 - level) / 2) ** (1 / num_images)
  lowest, highest = bounds
  low = result.value - missed * (result.value - lowest)
  high = result.value + missed * (highest - result.value)
  return result._replace(
    low=np.where(flat, low, result.low),
    high=np.where(flat, high, result.high),
  )
