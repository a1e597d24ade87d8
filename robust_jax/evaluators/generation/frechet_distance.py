"""Frechet distance of two samples, each taken for a Gaussian."""

from typing import NamedTuple

import numpy as np

from robust_jax.evaluators.generation._samples import checked


class Moments(NamedTuple):
  """Mean `[D]` and covariance `[D, D]` of features."""

  mean: np.ndarray
  covariance: np.ndarray


def frechet_distance(real: np.ndarray, generated: np.ndarray) -> float:
  """Frechet distance of two samples of features, each taken for a Gaussian.

      |m - m'|^2 + trace(S + S' - 2 (S^1/2 S' S^1/2)^1/2)

  for means m, m' and covariances S, S', in float64. It is the squared
  2-Wasserstein distance of these Gaussians. On the pooled features of an
  Inception network it is known as FID; on other features it is another number,
  and should have another name.

  It is biased upward by about a constant over the number of examples: compare
  values of equally many examples only, and with the distance of two real
  samples of that size. Of N <= D examples the covariance is singular; the
  distance is defined all the same, and its bias is large.

  Args:
    real: features of real examples `[N, D]`, N > 1.
    generated: features of generated examples `[M, D]`, M > 1.

  Raises:
    ValueError: they are no samples of finite features, or too few examples.

  Source: Heusel et al. 2017, "GANs trained by a two time-scale update rule
  converge to a local Nash equilibrium", equation 6; the distance of Gaussians
  is by Dowson and Landau 1982.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation import frechet_distance
    >>> real = np.random.default_rng(0).normal(size=(100, 4))
    >>> round(frechet_distance(real, real + 0.5), 9)  # 4 times 0.5^2
    1.0
  """
  real, generated = checked(real, generated, at_least=2)
  return frechet_of_moments(moments(real), moments(generated))


def moments(features: np.ndarray, counts: np.ndarray | None = None) -> Moments:
  """Computes mean and unbiased covariance of features `[N, D]`.

  Args:
    features: features, float64.
    counts: number of times that each example counts `[N]`; None for once.
  """
  counts = np.ones(len(features)) if counts is None else counts
  total = counts.sum()
  mean = counts @ features / total
  centered = features - mean
  scatter = (counts[:, None] * centered).T @ centered
  return Moments(mean, scatter / (total - 1))


def frechet_of_moments(a: Moments, b: Moments) -> float:
  """Computes the Frechet distance of two Gaussians.

  Negative eigenvalues of covariances, which are rounding errors, count as 0.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation.frechet_distance import (
    ...   Moments, frechet_of_moments)
    >>> a = Moments(np.zeros(2), np.diag([4.0, 0.0]))
    >>> b = Moments(np.array([0.0, 3.0]), np.diag([1.0, 0.0]))
    >>> frechet_of_moments(a, b)  # (2 - 1)^2 + 3^2
    10.0
  """
  values, vectors = np.linalg.eigh(a.covariance)
  root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
  product = np.linalg.eigvalsh(root @ b.covariance @ root)
  spread = np.trace(a.covariance) + np.trace(b.covariance)
  overlap = np.sqrt(np.maximum(product, 0)).sum()
  return float(np.square(a.mean - b.mean).sum() + spread - 2 * overlap)
