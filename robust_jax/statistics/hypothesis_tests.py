"""Whether paired differences are more than an accident of their signs."""

import numpy as np
import scipy.special

# Signs held at a time, 8 MiB.
_CHUNK = 2**20
# A sum that equals the one seen up to rounding is as large.
_ROUNDING = 1e-9


def sign_flip_test(
  differences: np.ndarray, *, draws: int = 2000, seed: int = 0
) -> np.ndarray:
  """Two-sided p-values `[M]` of sums of paired differences being 0.

  If two models are alike, an image's difference between them could as well have
  had the other sign. So signs are tossed, one coin for all that is known of an
  image, and it is counted how often the sum is as large as the one seen. Unlike
  an interval of the bootstrap it keeps its level at small counts: for one yes
  or no per image it is McNemar's exact test, up to the sampling of signs. Where
  differences have mean 0 without being symmetric, it does so in the limit of
  many images.

  Args:
    differences: `[N, M]`, one row per image.
    draws: the smallest p-value is 1 / (draws + 1).
    seed: of the signs.

  Raises:
    ValueError: no rows, other shapes, NaN, or draws below 1.

  Source: Fisher 1935, "The Design of Experiments", chapter 3; Phipson & Smyth
  2010, "Permutation P-values Should Never Be Zero", for counting the one seen.
  """
  differences = np.asarray(differences, float)
  if differences.ndim != 2 or not np.isfinite(differences).all():
    raise ValueError(
      f"differences of shape {differences.shape}, with "
      f"{int((~np.isfinite(differences)).sum())} that are not finite: expected "
      "numbers [N, M], one row per image."
    )
  if draws < 1:
    raise ValueError(f"draws = {draws}: expected 1 or more, 2000 as a rule.")
  seen = np.abs(differences.sum(axis=0))
  scale = np.abs(differences).sum(axis=0)
  # Images without a difference have no sign to be tossed.
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
  """Exact two-sided p-values from the images on which two models differ.

  If neither is better, each such image is the toss of a coin. Counts may be
  arrays of one shape.

  Args:
    only_a: how many images A alone failed on.
    only_b: how many B alone failed on.

  Raises:
    ValueError: a count below 0 or not whole.

  Source: McNemar 1947; exact, by the binomial distribution.
  """
  only_a, only_b = np.asarray(only_a), np.asarray(only_b)
  for name, counts in (("only_a", only_a), ("only_b", only_b)):
    if not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
      raise ValueError(f"{name} = {counts}: expected whole numbers, 0 or more.")
  fewer = np.minimum(only_a, only_b)
  one_sided = scipy.special.bdtr(fewer.astype(float), only_a + only_b, 0.5)
  return np.minimum(1.0, 2 * one_sided)


def holm(p_values: np.ndarray) -> np.ndarray:
  """Adjusted p-values `[M]`: below alpha, all of those are so together.

  The chance that any of them is a false alarm is at most alpha, however the
  tests depend on each other.

  Args:
    p_values: `[M]`, M = 0 allowed.

  Raises:
    ValueError: a value outside [0, 1].

  Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
  """
  p_values = np.asarray(p_values, float)
  # NaN is in no interval.
  if p_values.ndim != 1 or not ((p_values >= 0) & (p_values <= 1)).all():
    raise ValueError(f"p_values = {p_values}: expected a list from 0 to 1.")
  order = np.argsort(p_values)
  factors = np.arange(len(p_values), 0, -1)
  adjusted = np.empty_like(p_values)
  steps = np.maximum.accumulate(factors * p_values[order])
  adjusted[order] = np.minimum(1.0, steps)
  return adjusted


_DRAWS = 2000


def bonferroni(level: float, questions: int) -> tuple[float, int]:
  """(level, draws) of each question, that all of them hold at `level`.

  Draws are so many that a p-value can be as small as the level asks for: the
  smallest is one in so many.

  Args:
    level: of all together.
    questions: how many; none counts as one.
  """
  alpha = (1 - level) / max(1, questions)
  return 1 - alpha, max(_DRAWS, round(4 / alpha))
