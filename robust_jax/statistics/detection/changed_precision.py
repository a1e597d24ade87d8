"""Average precision under changes (mPC, rPC), and differences of detectors."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from robust_jax.statistics.bootstrap import (
  Bootstrap,
  Estimate,
  Method,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.detection.ranking import MEASURES
from robust_jax.statistics.hypothesis_tests import holm, sign_flip_test
from robust_jax.statistics.outcomes import (
  INVARIANCE_TESTS,
  Condition,
  families,
)
from robust_jax.statistics.resampling import Resampled, join
from robust_jax.statistics.verdict import Difference, verdict
from robust_jax.statistics.weighted_averages import weighted_averages

_TITLES = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ar": "average recall"}


@dataclasses.dataclass(frozen=True)
class ChangedPrecision:
  """Average precision under changes in percent; `dataclasses.asdict` is JSON.

  Attributes:
    measure: "ap", "ap50", "ap75" or "ar".
    clean: the measure without a change.
    mpc: mean performance under corruption, over all transformations.
    rpc: relative performance under corruption, 100 mpc / clean.
    families: mean over the conditions of each family.
    conditions: the measure under each condition, in order.
    level: confidence level of the intervals.
    draws: number of bootstrap draws.
    method: method of the bootstrap.
  """

  measure: str
  clean: Estimate
  mpc: Estimate
  rpc: Estimate
  families: dict[str, Estimate]
  conditions: list[float]
  level: float
  draws: int
  method: Method


@dataclasses.dataclass(frozen=True)
class PrecisionComparison:
  """Differences A - B of two detectors on the same images.

  Attributes:
    clean: difference without a change.
    mpc: difference of mPC.
    rpc: difference of rPC.
    families: differences of the means over families, whose p-values are
      corrected together (Holm).
  """

  clean: Difference
  mpc: Difference
  rpc: Difference
  families: dict[str, Difference]


def changed_precision(
  clean: Resampled,
  changed: Sequence[Resampled],
  conditions: Sequence[Condition],
  *,
  measure: str = "ap",
  level: float = 0.95,
  method: Method = "bca",
) -> ChangedPrecision:
  """Mean and relative performance under corruption (mPC, rPC).

  With the performance P_cs under transformation c at severity s: `mPC = mean_c
  mean_s P_cs` and `rPC = 100 mPC / P_clean`. Severities count by the weights of
  their conditions, all transformations alike; invariance tests do not count.
  The mean of a family is over its conditions by their weights, as in risks.

  Args:
    clean: `draw_precision` of the images without a change.
    changed: the same under each condition, with the same draws and seed.
    conditions: the conditions.
    measure: which of `MEASURES` is performance. Where boxes are rotated, IoUs
      above 0.5 are hard to reach, and "ap50" is fairer.
    level: confidence level of the intervals.
    method: "bca" or "percentile"; see `bootstrap`.

  Returns:
    `ChangedPrecision`.

  Raises:
    ValueError: draws or numbers of images differ, there are no conditions, the
      measure is unknown or not defined under a condition, or its value without
      a change is 0 or NaN.

  Source: Michaelis et al. 2019, "Benchmarking Robustness in Object Detection",
    (1) and (2).

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.detection import changed_precision as changes
    >>> from robust_jax.statistics.outcomes import Condition
    >>> from robust_jax.statistics.resampling import Resampled
    >>> ap = lambda value: Resampled(
    ...   np.full(4, value), np.full((9, 4), value), np.full((5, 4), value)
    ... )
    >>> noise = [Condition("noise", "shot", severity) for severity in (1, 2)]
    >>> found = changes.changed_precision(ap(40.0), [ap(30.0), ap(10.0)], noise)
    >>> found.mpc.value, found.rpc.value
    (20.0, 50.0)
  """
  table = _table(clean, changed, conditions, measure)
  found = _averaged(table, conditions).bootstrap(level, method)
  found = _widened(found, len(table.without_one), level)
  return ChangedPrecision(
    measure=measure,
    clean=found.estimate(0),
    mpc=found.estimate(1),
    rpc=found.estimate(2),
    families={
      name: found.estimate(3 + i) for i, name in enumerate(families(conditions))
    },
    conditions=table.value[1:].tolist(),
    level=level,
    draws=len(table.drawn),
    method=method,
  )


def compare_precision(
  a: tuple[Resampled, Sequence[Resampled]],
  b: tuple[Resampled, Sequence[Resampled]],
  conditions: Sequence[Condition],
  names: tuple[str, str] = ("A", "B"),
  *,
  measure: str = "ap",
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> PrecisionComparison:
  """Paired differences of two detectors, with intervals, tests and verdicts.

  Intervals are those of the differences in the same draws of images. The test
  flips the signs of the images' contributions to a difference, by the
  jackknife, since an average precision is no sum over images. They are known
  with the intervals. A test that exchanges the detections of both models in
  random images would need scores of one scale, and a ranking of its own. As in
  `verdict`, the interval must exclude 0 as well.

  Args:
    a: (clean, changed) of the first detector; see `changed_precision`.
    b: the same of the second, with the same draws and seed.
    conditions: the conditions.
    names: two different names, for the sentences.
    measure: which of `MEASURES` is compared.
    level: confidence level of the intervals; 1 - level is the significance
      level of each difference, and of those of all families together.
    method: "bca" or "percentile"; see `bootstrap`.
    seed: seed of the test.

  Returns:
    `PrecisionComparison`.

  Raises:
    ValueError: see `changed_precision`; or the names are equal.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.detection import changed_precision as changes
    >>> from robust_jax.statistics.outcomes import Condition
    >>> from robust_jax.statistics.resampling import resample
    >>> rng = np.random.default_rng(0)
    >>> ap = lambda low: resample(
    ...   lambda counts, x=rng.uniform(low, 100, (60, 4)): counts @ x / 60, 60
    ... )
    >>> good, bad = (ap(70), [ap(60)]), (ap(70), [ap(0)])
    >>> noise = [Condition("noise", "shot", 1)]
    >>> found = changes.compare_precision(good, bad, noise)
    >>> found.clean.verdict, found.mpc.verdict
    ('no significant difference', 'A better')
  """
  if names[0] == names[1]:
    raise ValueError(f"names = {names}: expected two different names.")
  tables = [_table(*detector, conditions, measure) for detector in (a, b)]
  both = join([_averaged(table, conditions) for table in tables])
  difference = both.then(_difference)
  result = difference.bootstrap(level, method)
  result = _widened(result, len(difference.without_one), level, -100.0)
  counted = families(conditions)
  # The smallest p-value has to be below 1 - level after Holm's correction.
  signs = max(2000, round(4 * len(counted) / (1 - level)))
  p_values = sign_flip_test(difference.contributions(), draws=signs, seed=seed)
  adjusted = [*p_values[:3], *holm(p_values[3:])]
  title = _TITLES[measure]
  whats = [title, f"mean {title} under changes", f"fraction of {title} kept"]
  whats += [f"{title} under {family}" for family in counted]
  differences = [
    verdict(
      what,
      names,
      result.estimate(i),
      float(p_values[i]),
      float(adjusted[i]),
      alpha=1 - level,
      less_is_better=False,
    )
    for i, what in enumerate(whats)
  ]
  clean, mpc, rpc, *of_families = differences
  return PrecisionComparison(
    clean, mpc, rpc, dict(zip(counted, of_families, strict=True))
  )


def _table(clean, changed, conditions, measure):
  """Returns the measure without a change and under each condition."""
  if measure not in MEASURES:
    raise ValueError(f"measure = '{measure}': expected one of {MEASURES}.")
  if not len(changed) == len(conditions) > 0:
    raise ValueError(
      f"{len(changed)} results for {len(conditions)} conditions: expected one "
      "each, and at least one."
    )
  column = MEASURES.index(measure)
  picked = lambda values: values[..., column : column + 1]
  table = join([part.then(picked) for part in (clean, *changed)])
  undefined = ~np.isfinite(table.value[1:])
  if undefined.any():
    hiding = conditions[int(undefined.argmax())]
    raise ValueError(
      f"{measure} is not defined under {hiding.transformation}, where no "
      "object is counted: expected at least one, or leave the condition out."
    )
  if not table.value[0] > 0:
    raise ValueError(
      f"{measure} = {table.value[0]:g} without a change: expected more than 0, "
      "since what is kept of it is compared."
    )
  return table


def _averaged(table, conditions):
  """Returns (clean, mPC, rPC, families) of (clean, conditions)."""
  averages = weighted_averages(conditions)
  column = lambda key: averages.matrix[:, averages.columns[key]]
  transformations = [
    key
    for key in averages.columns
    if len(key) == 2 and key[0] != INVARIANCE_TESTS
  ]
  mean = np.mean([column(key) for key in transformations], axis=0)
  of_families = [column((name,)) for name in families(conditions)]
  weights = np.stack([mean, *of_families], axis=1)

  def averaged(values):
    clean, changed = values[..., :1], values[..., 1:] @ weights
    mpc = changed[..., :1]
    rpc = 100 * mpc / np.where(clean > 0, clean, np.nan)
    parts = [clean, mpc, rpc, changed[..., 1:]]
    return np.concatenate(parts, axis=-1)

  return table.then(averaged)


def _difference(both):
  first, second = np.split(both, 2, axis=-1)
  return first - second


def _widened(result: Bootstrap, num_images, level, lowest=0.0):
  return exact_interval_if_degenerate(
    result, (lowest, 100.0), num_images, level
  )
