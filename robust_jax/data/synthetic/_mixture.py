"""Mixtures of Gaussians of equal weight in the plane."""

import numpy as np

from robust_jax import checks
from robust_jax.data.dataset import Dataset, from_arrays


def mixture(
  name: str, centers: np.ndarray, std: float, num_examples: int, seed: int
) -> Dataset:
  """Makes an unlabeled dataset of points `x [2]`, float32.

  Args:
    name: name of the dataset.
    centers: centers of the modes `[K, 2]`. They are a fact of the dataset, and
      so is the standard deviation, as "mode_std".
    std: standard deviation of each mode in each direction.
    num_examples: number of points.
    seed: seed of the draw.

  Raises:
    ValueError: there are no examples or modes, or a number is negative.
  """
  checks.at_least_one("num_examples", num_examples)
  checks.at_least_one("num_modes", len(centers))
  checks.non_negative("seed", seed)
  checks.non_negative("std", std)
  draw = np.random.default_rng(seed)
  modes = draw.integers(len(centers), size=num_examples)
  points = centers[modes] + std * draw.standard_normal((num_examples, 2))
  return from_arrays(
    name,
    {"x": points.astype(np.float32)},
    info={"num_features": 2, "centers": centers, "mode_std": std},
  )
