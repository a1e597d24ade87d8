"""Two moons: two interleaved half circles, a class each."""

import numpy as np

from robust_jax import checks
from robust_jax.data.dataset import Dataset, from_arrays


def two_moons(num_examples: int, seed: int = 0, std: float = 0.1) -> Dataset:
  """Two moons: points `x [2]`, float32, of two interleaved half circles `y`.

      y = 0: (cos t, sin t),  y = 1: (1 - cos t, 1/2 - sin t)

  with t uniform in [0, pi] and y even, plus Gaussian noise.

  Args:
    num_examples: how many points.
    seed: of the draw.
    std: of the noise, in each direction.

  Raises:
    ValueError: there are no examples, or a number is negative.

  Example:
    >>> moons = two_moons(1000, std=0.0)
    >>> points = moons.read(np.arange(1000))
    >>> upper = points["x"][points["y"] == 0]
    >>> bool(np.allclose(np.linalg.norm(upper, axis=1), 1, atol=1e-6))
    True

  Source: scikit-learn's `make_moons`. Deviation: t and y are drawn, there they
  are evenly spaced.
  """
  checks.at_least_one("num_examples", num_examples)
  checks.non_negative("seed", seed)
  checks.non_negative("std", std)
  draw = np.random.default_rng(seed)
  labels = draw.integers(2, size=num_examples).astype(np.int32)
  angle = np.pi * draw.random(num_examples)
  outer = np.stack([np.cos(angle), np.sin(angle)], axis=1)
  points = np.where(labels[:, None] == 0, outer, [1, 0.5] - outer)
  points += std * draw.standard_normal(points.shape)
  return from_arrays(
    "two_moons",
    {"x": points.astype(np.float32), "y": labels},
    info={"num_classes": 2, "num_features": 2},
  )
