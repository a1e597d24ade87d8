"""Means over examples of values in [0, 1], and their paired differences."""

import numpy as np

from robust_jax.statistics.bootstrap import (
  BootstrapOptions,
  Estimate,
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.clusters import cluster_sums, compare_binary
from robust_jax.statistics.hypothesis_tests import sign_flip_test
from robust_jax.statistics.verdict import Difference, verdict


def mean_proportion(
  values: np.ndarray, *, level: float = 0.95, seed: int = 0
) -> Estimate:
  """Mean in percent with its confidence interval.

  Args:
    values: `[N]`, bool or in [0, 1], one per example.
    level: confidence level of the interval.
    seed: seed of the bootstrap.

  Returns:
    An `Estimate`.

  Raises:
    ValueError: there are no values; see `bootstrap`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.proportions import mean_proportion
    >>> found = mean_proportion(np.arange(100) < 80)
    >>> found.low < found.value == 80 < found.high
    True
  """
  table = np.column_stack([values, np.ones(len(values))])
  fraction = lambda s: 100 * s[..., :1] / s[..., 1:]
  result = bootstrap(table, fraction, level=level, seed=seed)
  result = exact_interval_if_degenerate(
    result, (0.0, 100.0), len(values), level
  )
  return result.estimate(0)


def compare_proportions(
  a: np.ndarray,
  b: np.ndarray,
  names: tuple[str, str],
  what: str,
  *,
  less_is_better: bool,
  weights: np.ndarray | None = None,
  clusters: np.ndarray | None = None,
  draws: int = 2000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> Difference:
  """Paired difference of two means in percentage points, with a verdict.

  The test is exact for binary values of equal weight: McNemar's, or that of
  all signs of whole clusters. Otherwise it is the sign-flip test.

  Args:
    a: `[N]` of the first model, bool or in [0, 1].
    b: `[N]` of the second model, for the same examples.
    names: names of both, for the sentence.
    what: subject of the sentence, such as "clean accuracy".
    less_is_better: whether smaller values are better, as for flip
      probabilities.
    weights: weights `[N]` of the examples; None for equal weights.
    clusters: int `[N]`, for examples that are not independent; see `Outcomes`.
    draws: number of draws of the bootstrap and of the sign-flip test.
    level: confidence level; 1 - level is the significance level of the test.
    method: "bca" or "percentile"; see `bootstrap`.
    seed: seed of the draws.

  Returns:
    A `Difference`.

  Raises:
    ValueError: there are no values or lengths differ; see `bootstrap`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.proportions import compare_proportions
    >>> a, b = np.arange(100) < 90, np.arange(100) < 60
    >>> compare_proportions(
    ...   a, b, ("A", "B"), "clean accuracy", less_is_better=False
    ... ).verdict
    'A better'
  """
  weight = np.ones(len(a)) if weights is None else weights
  table = np.column_stack([weight * a, weight * b, weight])
  table = cluster_sums(table, clusters)
  options = BootstrapOptions(draws=draws, level=level, method=method, seed=seed)
  result = bootstrap(
    table, lambda s: 100 * (s[..., :1] - s[..., 1:2]) / s[..., 2:], **options
  )
  # Effective number of clusters under unequal weights (Kish 1965).
  sizes = cluster_sums(weight, clusters)
  num_examples = sizes.sum() ** 2 / (sizes**2).sum()
  result = exact_interval_if_degenerate(
    result, (-100.0, 100.0), num_examples, level
  )
  if a.dtype == b.dtype == bool and np.ptp(weight) == 0:
    p_value = float(compare_binary(a[:, None], b[:, None], clusters)[0])
  else:
    differences = (weight * (a.astype(float) - b))[:, None]
    differences = cluster_sums(differences, clusters)
    p_value = float(sign_flip_test(differences, draws=draws, seed=seed)[0])
  return verdict(
    what,
    names,
    result.estimate(0),
    p_value,
    p_value,
    alpha=1 - level,
    less_is_better=less_is_better,
  )
