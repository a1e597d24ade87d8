"""Memorization: whether generated examples are copies of training examples."""

from typing import NamedTuple

import numpy as np
import scipy.stats

from robust_jax.evaluators.generation._samples import checked
from robust_jax.evaluators.generation.nearest import Nearest, nearest


class Memorization(NamedTuple):
  """Distances of generated examples to training and test examples.

  Attributes:
    train: nearest training example of each generated one, `[M, 1]`.
    test: nearest test example of each, `[M, 1]`.
    nearer_to_train: for each generated example `[M]`, 1 if it is nearer to a
      training example, 0 if to a test example, 1/2 if to none of both. The mean
      is 1/2 if none is copied.
    p_value: of the one-sided Mann-Whitney test that distances to training
      examples are shorter.
  """

  train: Nearest
  test: Nearest
  nearer_to_train: np.ndarray
  p_value: float


def memorization(
  generated: np.ndarray, train: np.ndarray, test: np.ndarray
) -> Memorization:
  """Memorization: are generated examples nearer to training than to test ones?

  Samples of a generator that has collapsed have few neighbors in common, and
  may be nearer to either by chance.

  Args:
    generated: features of generated examples `[M, D]`.
    train: features of training examples `[N, D]`.
    test: features of equally many test examples; of more examples, the nearest
      one would be nearer.

  Raises:
    ValueError: there are not equally many training and test examples, or they
      are no samples of finite features.

  Source: the test is that of Meehan et al. 2020, "A non-parametric test to
  detect data-copying in generative models", section 4.

  Deviation: it compares distances to training examples with distances of the
  same generated examples to test examples, and not with those of test examples
  to training examples, which are larger where a generator avoids outliers.
  Being of the same examples, both distances are correlated, and p is too large
  rather than too small.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation import memorization
    >>> train, test = np.random.default_rng(0).normal(size=(2, 100, 3))
    >>> found = memorization(train[:20] + 1e-3, train, test)
    >>> float(found.nearer_to_train.mean()), bool(found.p_value < 1e-4)
    (1.0, True)
  """
  train, generated = checked(train, generated, at_least=1)
  train, test = checked(train, test, at_least=1)
  if len(train) != len(test):
    raise ValueError(
      f"{len(train)} training and {len(test)} test examples: expected equally "
      "many of both."
    )
  near_train, near_test = nearest(generated, train), nearest(generated, test)
  to_train, to_test = near_train.distances[:, 0], near_test.distances[:, 0]
  return Memorization(
    near_train,
    near_test,
    nearer_to_train=np.heaviside(to_test - to_train, 0.5),
    p_value=float(
      scipy.stats.mannwhitneyu(to_train, to_test, alternative="less").pvalue
    ),
  )
