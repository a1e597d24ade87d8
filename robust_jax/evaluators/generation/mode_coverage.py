"""Mode coverage: the classes that generated examples are of."""

from typing import NamedTuple

import numpy as np

from robust_jax import checks


class ModeCoverage(NamedTuple):
  """Frequencies of classes beside those of real examples.

  Attributes:
    covered: whether each class is generated often enough `[K]`.
    total_variation: half of the sum of the differences of frequencies, from 0
      to 1.
    kl: the divergence KL(generated || real) in nats; inf if a class is
      generated that no real example has.
  """

  covered: np.ndarray
  total_variation: float
  kl: float


def mode_coverage(
  generated: np.ndarray, real: np.ndarray, min_fraction: float = 0.0
) -> ModeCoverage:
  """Mode coverage: which classes are generated, and how often.

  Args:
    generated: number of generated examples of each class `[K]`, as
      `np.bincount` counts them.
    real: the same of real examples, `[K]`.
    min_fraction: a class is covered if at least one example is of it, and at
      least this fraction of all.

  Raises:
    ValueError: shapes differ, or there are no examples.

  Source: of the 1,000 classes of Stacked MNIST, Metz et al. 2017, "Unrolled
  generative adversarial networks", section 3.3.1.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation import mode_coverage
    >>> found = mode_coverage(np.array([3, 3, 0]), np.array([5, 5, 5]))
    >>> found.covered.tolist(), round(found.kl, 3)  # log(3 / 2)
    ([True, True, False], 0.405)
  """
  checks.non_negative("min_fraction", min_fraction)
  generated, real = np.asarray(generated, float), np.asarray(real, float)
  if generated.shape != real.shape or generated.ndim != 1:
    raise ValueError(
      f"counts of classes of shapes {generated.shape} and {real.shape}: "
      "expected [K] twice."
    )
  if not generated.sum() or not real.sum():
    raise ValueError("there are no examples to count the classes of.")
  p, q = generated / generated.sum(), real / real.sum()
  seen = p > 0
  with np.errstate(divide="ignore"):
    kl = np.sum(p[seen] * np.log(p[seen] / q[seen]))
  return ModeCoverage(
    covered=seen & (p >= min_fraction),
    total_variation=float(np.abs(p - q).sum() / 2),
    kl=float(kl),
  )
