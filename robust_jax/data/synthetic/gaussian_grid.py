"""Mixture of Gaussians on a square grid, a harder test of mode collapse."""

import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.data.synthetic._mixture import mixture


def gaussian_grid(
  num_examples: int,
  seed: int = 0,
  side: int = 5,
  spacing: float = 2.0,
  std: float = 0.05,
) -> Dataset:
  """Unlabeled dataset of points `x [2]`, float32, from a grid of Gaussians.

  A point is the center of a mode, drawn uniformly from `side^2` centers on a
  square grid around the origin, plus Gaussian noise.

  Args:
    num_examples: number of points.
    seed: seed of the draw.
    side: number of Gaussians along each side.
    spacing: distance of neighboring centers.
    std: standard deviation of each Gaussian in each direction.

  Returns:
    A `Dataset`.

  Raises:
    ValueError: there are no examples or modes, or a number is negative.

  Source: 25 modes: Srivastava et al. 2017, "VEEGAN: Reducing mode collapse in
    GANs using implicit variational learning", section 4.1.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.synthetic import gaussian_grid
    >>> points = gaussian_grid(1000).read(np.arange(1000))["x"]
    >>> nearest = np.clip(2 * np.round(points / 2), -4, 4)
    >>> bool(np.abs(points - nearest).max() < 0.25)
    True
  """
  line = spacing * (np.arange(side) - (side - 1) / 2)
  centers = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
  return mixture("gaussian_grid", centers, std, num_examples, seed)
