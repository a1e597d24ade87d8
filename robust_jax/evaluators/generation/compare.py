"""All statistics of two samples of features, with intervals."""

from collections.abc import Callable

import numpy as np
import threadpoolctl

from robust_jax.evaluators.generation._samples import checked
from robust_jax.evaluators.generation.frechet_distance import (
  frechet_distance,
  frechet_of_moments,
  moments,
)
from robust_jax.evaluators.generation.kernel_distance import kernel_distance
from robust_jax.evaluators.generation.neighborhoods import neighborhoods
from robust_jax.statistics.bootstrap import Estimate, bootstrap
from robust_jax.statistics.resampling import centered_interval


def compare(
  real: np.ndarray,
  generated: np.ndarray,
  *,
  k: int = 5,
  draws: int = 100,
  seed: int = 0,
  on_done: Callable[[], None] = lambda: None,
) -> dict[str, Estimate]:
  """Compares equally many real and generated examples by their features.

  The intervals, of 95 %, are those of the bootstrap of pairs of a real and a
  generated example. Of the kernel distance they are those of its linear part.
  Of the scores by neighbors they are too narrow, that of the density by about
  half: scores of examples are resampled, their neighborhoods are not.

  Args:
    real: features of real examples `[N, D]`.
    generated: features of generated examples `[N, D]`.
    k: number of neighbors of `neighborhoods`.
    draws: number of resamples for the Frechet distance.
    seed: seed of all resamples.
    on_done: called after each of three parts.

  Returns:
    "frechet_distance", "kernel_distance", "precision", "recall", "density"
    and "coverage".

  Raises:
    ValueError: there are not equally many of both, or too few.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation.compare import compare
    >>> real, generated = np.random.default_rng(0).normal(size=(2, 50, 3))
    >>> found = compare(real, generated, draws=10)["precision"]
    >>> found.low <= found.value <= found.high
    True
  """
  real, generated = checked(real, generated, at_least=k + 1)
  if len(real) != len(generated):
    raise ValueError(
      f"{len(real)} real and {len(generated)} generated examples: expected "
      "equally many of both."
    )
  size = len(real)
  # The threads of BLAS wait for each other longer than such products take.
  with threadpoolctl.threadpool_limits(1, "blas"):
    frechet = centered_interval(
      frechet_distance(real, generated),
      lambda counts: frechet_of_moments(
        moments(real, counts), moments(generated, counts)
      ),
      size,
      draws=draws,
      seed=seed,
    )
  on_done()
  kernel = kernel_distance(real, generated)
  on_done()
  # Each pair takes part in twice as many pairs as its own terms say.
  slopes = 2 * (kernel.real + kernel.generated) - kernel.value
  scores = neighborhoods(real, generated, k)
  table = np.stack([slopes, *scores, np.ones(size)], axis=1)
  means = bootstrap(
    table,
    lambda sums: sums[..., :-1] / sums[..., -1:],
    method="percentile",
    seed=seed,
  )
  on_done()
  names = ("kernel_distance", *scores._fields)
  found = {name: means.estimate(i) for i, name in enumerate(names)}
  return {"frechet_distance": frechet, **found}
