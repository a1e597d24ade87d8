"""Whether paired differences are more than an accident of their signs."""

import numpy as np

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
      f"{int((~np.isfinite(differences)).sum())} that are not finite: wanted "
      "numbers [N, M], one row per image."
    )
  if draws < 1:
    raise ValueError(f"draws = {draws}: wanted 1 or more, 2000 as a rule.")
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
