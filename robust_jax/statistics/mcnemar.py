"""Whether two models fail on different images by more than chance."""

import numpy as np
import scipy.special


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
      raise ValueError(f"{name} = {counts}: wanted whole numbers, 0 or more.")
  fewer = np.minimum(only_a, only_b)
  one_sided = scipy.special.bdtr(fewer.astype(float), only_a + only_b, 0.5)
  return np.minimum(1.0, 2 * one_sided)
