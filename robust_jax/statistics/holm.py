"""Many tests at once, and one chance of being wrong for all of them."""

import numpy as np


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
    raise ValueError(f"p_values = {p_values}: wanted a list from 0 to 1.")
  order = np.argsort(p_values)
  factors = np.arange(len(p_values), 0, -1)
  adjusted = np.empty_like(p_values)
  steps = np.maximum.accumulate(factors * p_values[order])
  adjusted[order] = np.minimum(1.0, steps)
  return adjusted
