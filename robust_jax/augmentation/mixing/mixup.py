"""mixup: convex combinations of two images and of their labels."""

import jax

from robust_jax import checks, tree
from robust_jax.types import Array, Key, Mixing


def mixup(alpha: float = 0.2) -> Mixing:
  """mixup: `x' = m x + (1 - m) x[other]`, with labels mixed likewise.

  m is drawn from Beta(alpha, alpha) for each image, and `other` is a random
  permutation of the batch.

  Args:
    alpha: parameter of the Beta distribution; larger values mix more, 1 is
      uniform.

  Returns:
    A `Mixing`.

  Raises:
    ValueError: alpha is not positive.

  Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".
  Deviation: one m per image instead of one per batch.

  Example:
    >>> import jax
    >>> from robust_jax.augmentation import mixing
    >>> x = jax.numpy.arange(2.0).reshape(2, 1, 1, 1)
    >>> mixed, labels = mixing.mixup()(jax.random.key(1), x, jax.numpy.eye(2))
    >>> bool((abs(mixed.ravel() - labels[:, 1]) < 1e-6).all())
    True
  """
  checks.positive("alpha", alpha)

  def mix(key: Key, x: Array, labels: Array) -> tuple[Array, Array]:
    key_fraction, key_other = jax.random.split(key)
    fraction = jax.random.beta(key_fraction, alpha, alpha, x.shape[:1])
    other = jax.random.permutation(key_other, len(x))
    mixed = lambda a: a[other] + tree.expand(fraction, a) * (a - a[other])
    return mixed(x), mixed(labels)

  return mix
