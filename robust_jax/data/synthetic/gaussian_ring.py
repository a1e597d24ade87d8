"""Mixture of Gaussians on a ring, a standard test of mode collapse."""

import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.data.synthetic._mixture import mixture


def gaussian_ring(
  num_examples: int,
  seed: int = 0,
  num_modes: int = 8,
  radius: float = 2.0,
  std: float = 0.02,
) -> Dataset:
  """Unlabeled dataset of points `x [2]`, float32, from a ring of Gaussians.

  A point is the center of a mode, drawn uniformly from `num_modes` centers
  evenly spaced on a circle around the origin, plus Gaussian noise.

  Args:
    num_examples: number of points.
    seed: seed of the draw.
    num_modes: number of Gaussians.
    radius: radius of the circle.
    std: standard deviation of each Gaussian in each direction.

  Returns:
    A `Dataset`.

  Raises:
    ValueError: there are no examples or modes, or a number is negative.

  Source: Metz et al. 2017, "Unrolled generative adversarial networks", section
    3.1: 8 modes, radius 2, standard deviation 0.02.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.synthetic import gaussian_ring
    >>> points = gaussian_ring(1000).read(np.arange(1000))["x"]
    >>> bool(np.all(np.abs(np.linalg.norm(points, axis=1) - 2) < 0.1))
    True
  """
  where = centers(num_modes, radius)
  return mixture("gaussian_ring", where, std, num_examples, seed)


def centers(num_modes: int = 8, radius: float = 2.0) -> np.ndarray:
  """Returns the centers of the modes, `[num_modes, 2]`."""
  angles = 2 * np.pi * np.arange(num_modes) / num_modes
  return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
