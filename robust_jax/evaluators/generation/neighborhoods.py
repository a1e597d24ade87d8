"""Precision, recall, density and coverage, by k-nearest neighbors."""

from typing import NamedTuple

import numpy as np

from robust_jax import checks
from robust_jax.evaluators.generation._samples import checked
from robust_jax.evaluators.generation.nearest import in_balls, nearest


class Neighborhoods(NamedTuple):
  """Scores per example; the means are those of the sample.

  Attributes:
    precision: whether each generated example `[M]` is in the ball of a real
      one.
    recall: whether each real example `[N]` is in the ball of a generated one.
    density: number of real examples in whose ball each generated one is `[M]`,
      divided by k; above 1 where real ones are dense.
    coverage: whether the ball of each real example `[N]` has a generated one
      inside.
  """

  precision: np.ndarray
  recall: np.ndarray
  density: np.ndarray
  coverage: np.ndarray


def neighborhoods(
  real: np.ndarray, generated: np.ndarray, k: int = 5
) -> Neighborhoods:
  """Precision, recall, density and coverage of generated examples.

  The ball around an example reaches to its k-th nearest neighbor in its own
  sample. Precision and density ask whether generated examples are where real
  ones are; recall and coverage, whether real ones are where generated ones are.
  For two samples of one distribution the expected density is 1, and the
  coverage about 1 - 2^-k.

  Args:
    real: features of real examples `[N, D]`, N > k.
    generated: features of generated examples `[M, D]`, M > k.
    k: number of neighbors.

  Raises:
    ValueError: they are no samples of finite features, or too few examples.

  Source: precision and recall: Kynkaanniemi et al. 2019, "Improved precision
  and recall metric for assessing generative models", equations 1 and 2, with
  k = 3; density and coverage: Naeem et al. 2020, "Reliable fidelity and
  diversity metrics for generative models", equations 3 to 5, with k = 5.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation import neighborhoods
    >>> real = np.arange(8.0)[:, None]
    >>> found = neighborhoods(real, real[:4] + 0.1, k=1)
    >>> float(found.precision.mean()), float(found.coverage.mean())
    (1.0, 0.625)
  """
  checks.at_least_one("k", k)
  real, generated = checked(real, generated, at_least=k + 1)
  # The nearest neighbor of an example in its own sample is itself.
  radii, radii_of_generated = (
    nearest(sample, sample, k + 1).distances[:, k]
    for sample in (real, generated)
  )
  balls = in_balls(generated, radii_of_generated, real, radii)
  return Neighborhoods(
    precision=(balls.around > 0).astype(float),
    recall=balls.inside.astype(float),
    density=balls.around / k,
    coverage=balls.reached.astype(float),
  )
