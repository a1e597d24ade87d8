"""Hypothesis tests of paired comparisons, and corrections for several tests."""

import numpy as np
import scipy.special

# Signs held in memory at a time, 8 MiB.
_CHUNK = 2**20
# Sums that equal the observed one up to rounding count as equal.
_ROUNDING = 1e-9


def sign_flip_test(
  differences: np.ndarray, *, draws: int = 2000, seed: int = 0
) -> np.ndarray:
  """Sign-flip permutation test of paired differences summing to 0.

  If two models are alike, each difference could as well have the opposite sign.
  The test draws random signs, one per example for all M columns, and counts
  how often the absolute sum is at least the observed one. Unlike a bootstrap
  interval it keeps its level for small counts: for one binary outcome per
    example
  it is the exact McNemar test up to the sampling of signs. For differences of
  mean 0 without symmetry it keeps its level asymptotically.

  Args:
    differences: `[N, M]`, one row per example.
    draws: number of draws; the smallest p-value is 1 / (draws + 1).
    seed: seed of the signs.

  Returns:
    Two-sided p-values `[M]`.

  Raises:
    ValueError: the shape is wrong, values are not finite, or draws is below 1.

  Source: Fisher 1935, "The Design of Experiments", chapter 3; Phipson & Smyth
    2010, "Permutation P-values Should Never Be Zero", for including the
    observed signs.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.hypothesis_tests import sign_flip_test
    >>> sign_flip_test(np.array([[0.0, 1.0]] * 20), draws=99).tolist()
    [1.0, 0.01]
  """
  differences = np.asarray(differences, float)
  if differences.ndim != 2 or not np.isfinite(differences).all():
    raise ValueError(
      f"differences of shape {differences.shape}, with "
      f"{int((~np.isfinite(differences)).sum())} that are not finite: expected "
      "numbers [N, M], one row per example."
    )
  if draws < 1:
    raise ValueError(f"draws = {draws}: expected 1 or more, usually 2000.")
  seen = np.abs(differences.sum(axis=0))
  scale = np.abs(differences).sum(axis=0)
  # Examples without a difference have no sign to flip.
  unlike = differences[differences.any(axis=1)]
  rng = np.random.default_rng(seed)
  step = max(1, _CHUNK // max(1, len(unlike)))
  as_large = np.zeros(seen.shape, int)
  for start in range(0, draws, step):
    rows = min(step, draws - start)
    signs = 2.0 * rng.integers(2, size=(rows, len(unlike)), dtype=np.int8) - 1
    sums = np.abs(signs @ unlike)
    as_large += (sums >= seen - _ROUNDING * scale).sum(axis=0)
  return (1 + as_large) / (draws + 1)


def mcnemar(only_a: np.ndarray, only_b: np.ndarray) -> np.ndarray:
  """Exact McNemar test: two-sided p-values from the discordant examples.

  If neither model is better, each example on which they differ is a fair coin
  toss.

  Args:
    only_a: number of examples on which only A failed; an int or an array.
    only_b: number of examples on which only B failed, of the same shape.

  Returns:
    p-values of that shape.

  Raises:
    ValueError: a count is negative or not a whole number.

  Source: McNemar 1947; exact by the binomial distribution.

  Example:
    >>> from robust_jax.statistics.hypothesis_tests import mcnemar
    >>> float(mcnemar(0, 6))  # 2 / 2^6
    0.03125
  """
  only_a, only_b = np.asarray(only_a), np.asarray(only_b)
  for name, counts in (("only_a", only_a), ("only_b", only_b)):
    if not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
      raise ValueError(f"{name} = {counts}: expected whole numbers, 0 or more.")
  fewer = np.minimum(only_a, only_b)
  one_sided = scipy.special.bdtr(fewer.astype(float), only_a + only_b, 0.5)
  return np.minimum(1.0, 2 * one_sided)


def holm(p_values: np.ndarray) -> np.ndarray:
  """Holm's step-down correction: adjusted p-values `[M]`.

  Rejecting all hypotheses with an adjusted p-value below alpha keeps the
  probability of any false rejection at or below alpha, for any dependence
  between the tests.

  Args:
    p_values: `[M]`; M = 0 is allowed.

  Returns:
    Adjusted p-values `[M]`.

  Raises:
    ValueError: a value is outside [0, 1].

  Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.hypothesis_tests import holm
    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
  """
  p_values = np.asarray(p_values, float)
  # NaN fails every comparison.
  if p_values.ndim != 1 or not ((p_values >= 0) & (p_values <= 1)).all():
    raise ValueError(f"p_values = {p_values}: expected a list from 0 to 1.")
  order = np.argsort(p_values)
  factors = np.arange(len(p_values), 0, -1)
  adjusted = np.empty_like(p_values)
  steps = np.maximum.accumulate(factors * p_values[order])
  adjusted[order] = np.minimum(1.0, steps)
  return adjusted


def exact_sign_flip_test(differences: np.ndarray) -> np.ndarray:
  """Exact sign-flip test of whole numbers: two-sided p-values.

  The same as `sign_flip_test` with all signs in place of random ones: the
  distribution of the sum is the convolution of those of `+-d`. For differences
  of -1, 0 and 1 it is the exact McNemar test. For clusters of examples, whose
  outcomes are not independent, the differences are those of whole clusters.

  Args:
    differences: int `[N, M]`, one row per cluster.

  Returns:
    Two-sided p-values `[M]`.

  Raises:
    ValueError: the shape is wrong, or values are not whole numbers.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import hypothesis_tests
    >>> differences = np.array([[1], [1], [2]])
    >>> hypothesis_tests.exact_sign_flip_test(differences).tolist()  # 2 / 2^3
    [0.25]
  """
  differences = np.asarray(differences)
  whole = np.issubdtype(differences.dtype, np.integer)
  if differences.ndim != 2 or not whole:
    raise ValueError(
      f"differences of shape {differences.shape} and dtype "
      f"{differences.dtype}: expected integers [N, M], one row per cluster."
    )
  if np.abs(differences).max(initial=0) <= 1:
    return mcnemar((differences < 0).sum(axis=0), (differences > 0).sum(axis=0))
  return np.array([_exact_p_value(column) for column in differences.T])


def _exact_p_value(differences):
  sizes = np.abs(differences[differences != 0])
  total = sizes.sum()
  # Probabilities that the differences of positive sign sum to 0, 1, ...
  chances = np.ones(1)
  for size in sizes:
    chances = (np.pad(chances, (0, size)) + np.pad(chances, (size, 0))) / 2
  sums = np.abs(2 * np.arange(total + 1) - total)
  return min(1.0, chances[sums >= abs(differences.sum())].sum())


_DRAWS = 2000


def bonferroni(level: float, comparisons: int) -> tuple[float, int]:
  """Bonferroni correction of a confidence level for several comparisons.

  Args:
    level: confidence level of all comparisons jointly.
    comparisons: number of comparisons; 0 is treated as 1.

  Returns:
    The level of each comparison, and a number of draws with which p-values can
    be as small as this level requires.

  Example:
    >>> from robust_jax.statistics.hypothesis_tests import bonferroni
    >>> level, draws = bonferroni(0.95, comparisons=10)
    >>> round(level, 3), draws
    (0.995, 2000)
  """
  alpha = (1 - level) / max(1, comparisons)
  return 1 - alpha, max(_DRAWS, round(4 / alpha))
