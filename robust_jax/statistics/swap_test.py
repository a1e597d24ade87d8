"""Whether it matters which of two models answered which image."""

import numpy as np

from robust_jax.statistics.bootstrap import Statistic

# Signs held at a time, 32 MiB.
_CHUNK = 2**22
# A difference that equals the one seen up to rounding is as large.
_ROUNDING = 1e-9


def swap_test(
  a: np.ndarray,
  b: np.ndarray,
  statistic: Statistic,
  *,
  draws: int = 2000,
  seed: int = 0,
) -> np.ndarray:
  """Two-sided p-values `[M]` of statistic(A) - statistic(B), paired by image.

  If the models are alike, swapping their answers to an image changes nothing
  that could be expected. So answers are swapped for each image at the toss of a
  coin, and it is counted how often the difference is as large as the one seen.
  Unlike an interval of the bootstrap it keeps its level at small counts: for
  one yes or no per image it is McNemar's exact test, up to the sampling of
  swaps.

  Args:
    a: `[N, S]` of the first model, one row per image.
    b: `[N, S]` of the second, for the same images.
    statistic: sums over images `[..., S]` -> `[..., M]`.
    draws: the smallest p-value is 1 / (draws + 1).
    seed: of the swaps.

  Raises:
    ValueError: tables of different shapes.

  Source: Fisher 1935; Phipson & Smyth 2010 for counting the one seen.
  """
  a, b = np.asarray(a, float), np.asarray(b, float)
  if a.shape != b.shape or a.ndim != 2:
    raise ValueError(
      f"tables of shapes {a.shape} and {b.shape}: wanted the same [N, S], of "
      "the same images in the same order."
    )
  seen = np.abs(statistic(a.sum(axis=0)) - statistic(b.sum(axis=0)))
  # Images that both answer alike are swapped without effect.
  half = (a - b)[(a != b).any(axis=1)] / 2
  middle = (a + b).sum(axis=0) / 2
  rng = np.random.default_rng(seed)
  step = max(1, _CHUNK // max(1, len(half)))
  as_large = np.zeros(seen.shape, int)
  for start in range(0, draws, step):
    rows = min(step, draws - start)
    signs = 2.0 * rng.integers(2, size=(rows, len(half)), dtype=np.int8) - 1
    shift = signs @ half
    with np.errstate(invalid="ignore", divide="ignore"):
      difference = statistic(middle + shift) - statistic(middle - shift)
      smaller = np.abs(difference) < seen - _ROUNDING
    # Where it is not a number, the doubt counts against the finding.
    as_large += (~smaller).sum(axis=0)
  return (1 + as_large) / (draws + 1)
