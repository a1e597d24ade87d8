"""What images that all agree leave open."""

import numpy as np

from robust_jax.statistics.bootstrap import Bootstrap

# Draws that differ by rounding alone, of percentages.
_ROUNDING = 1e-9


def widen_if_flat(
  result: Bootstrap,
  bounds: tuple[float, float],
  num_images: float,
  level: float = 0.95,
) -> Bootstrap:
  """Gives intervals without width the width that `num_images` allow.

  If no image of ten fails, none fails in any resample either: the bootstrap's
  interval is [0, 0], as if there had been a million. Among n images a share of
  up to 1 - ((1 - level) / 2)^(1/n) of another kind is missed altogether that
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
