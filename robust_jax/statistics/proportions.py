"""Means over images of values from 0 to 1, and how two models differ in one."""

import numpy as np

from robust_jax.statistics.bootstrap import (
  Estimate,
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.hypothesis_tests import mcnemar, sign_flip_test
from robust_jax.statistics.verdict import Difference, verdict


def mean_proportion(
  values: np.ndarray, *, level: float = 0.95, seed: int = 0
) -> Estimate:
  """The mean in percent with its interval.

  Args:
    values: `[N]`, bool or from 0 to 1, one per image.
    level: of the interval.
    seed: of the draws.

  Raises:
    ValueError: no values, or see `bootstrap`.
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
  draws: int = 2000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> Difference:
  """The paired difference of two means, in points, with a verdict.

  The test is McNemar's exact one where values are right or wrong and images
  count alike, and by random signs otherwise.

  Args:
    a: `[N]` of the first model, bool or from 0 to 1.
    b: of the second, for the same images.
    names: of the two, for the sentence.
    what: "clean accuracy", the subject of the sentence.
    less_is_better: of flips, say.
    weights: `[N]` of the images; None is alike.
    draws: as `bootstrap`; level, method and seed too.
    level: of the interval, and 1 - level of the test.
    method: "bca" or "percentile".
    seed: of the draws.

  Raises:
    ValueError: no values, other lengths, or see `bootstrap`.
  """
  weight = np.ones(len(a)) if weights is None else weights
  table = np.column_stack([weight * a, weight * b, weight])
  options = {"draws": draws, "level": level, "method": method, "seed": seed}
  result = bootstrap(
    table, lambda s: 100 * (s[..., :1] - s[..., 1:2]) / s[..., 2:], **options
  )
  # Unequal weights are worth so many equal ones (Kish 1965).
  num_images = weight.sum() ** 2 / (weight**2).sum()
  result = exact_interval_if_degenerate(
    result, (-100.0, 100.0), num_images, level
  )
  if a.dtype == b.dtype == bool and np.ptp(weight) == 0:
    p_value = float(mcnemar((~a & b).sum(), (a & ~b).sum()))
  else:
    differences = (weight * (a.astype(float) - b))[:, None]
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
