"""Kernel distance (KID): an unbiased estimate of a maximum mean discrepancy."""

from typing import NamedTuple

import numpy as np

from robust_jax.evaluators.generation._samples import checked

# Entries of a matrix of kernel values that are held at a time, 64 MiB.
_ENTRIES = 2**23


class KernelDistance(NamedTuple):
  """An estimate of the squared maximum mean discrepancy, and its terms.

  Attributes:
    value: the estimate, the sum of the means of both terms; unbiased, so below
      0 for about half of all samples of one distribution.
    real: the mean kernel of each real example `[N]` with the other real ones,
      minus that with generated ones.
    generated: the same of generated examples `[M]`.
  """

  value: float
  real: np.ndarray
  generated: np.ndarray


def kernel_distance(real: np.ndarray, generated: np.ndarray) -> KernelDistance:
  """Kernel distance (KID) of two samples of features, unbiased at any size.

      E k(x, x') + E k(y, y') - 2 E k(x, y),   k(a, b) = (a . b / D + 1)^3

  where x, x' and y, y' are different examples of each sample. Its expectation
  does not depend on the number of examples, unlike that of `frechet_distance`.
  As of that, the published values are of features of an Inception network.

  Args:
    real: features of real examples `[N, D]`, N > 1.
    generated: features of generated examples `[M, D]`, M > 1.

  Raises:
    ValueError: they are no samples of finite features, or too few examples.

  Source: Binkowski et al. 2018, "Demystifying MMD GANs", section 4; Gretton et
  al. 2012, "A kernel two-sample test", lemma 6.

  Deviation: the mean over all pairs instead of that over 100 random subsets of
  1,000, which has the same expectation and a larger variance.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation import kernel_distance
    >>> zeros, ones = np.zeros((3, 2)), np.ones((3, 2))
    >>> kernel_distance(zeros, ones).value  # 1 + 2^3 - 2
    7.0
  """
  real, generated = checked(real, generated, at_least=2)
  of_real = _mean_with_others(real) - _mean_kernel(real, generated)
  of_generated = _mean_with_others(generated) - _mean_kernel(generated, real)
  value = float(of_real.mean() + of_generated.mean())
  return KernelDistance(value, of_real, of_generated)


def _mean_with_others(x):
  """The mean kernel `[N]` of each example with all others."""
  own = _kernel(np.square(x).sum(axis=1), x.shape[1])
  return (len(x) * _mean_kernel(x, x) - own) / (len(x) - 1)


def _mean_kernel(x, y):
  """The mean kernel `[N]` of each x with all y."""
  rows = max(1, _ENTRIES // len(y))
  return np.concatenate(
    [
      _kernel(x[i : i + rows] @ y.T, x.shape[1]).mean(axis=1)
      for i in range(0, len(x), rows)
    ]
  )


def _kernel(products, num_features):
  base = products / num_features + 1
  return base * base * base
