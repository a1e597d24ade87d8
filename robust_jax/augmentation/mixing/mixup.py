"""Two images, one shining through the other."""

import jax

from robust_jax import checks, tree
from robust_jax.types import Array, Key, Mixing


def mixup(alpha: float = 0.2) -> Mixing:
  """`m x + (1 - m) x[other]`, labels likewise; m Beta(alpha, alpha).

  Each image has an m and a partner of its own in the batch.

  Args:
    alpha: the larger, the more is mixed; 1 is uniform.

  Raises:
    ValueError: alpha is not positive.

  Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".
  Deviation: one m per image, not one per batch.
  """
  checks.positive("alpha", alpha)

  def mix(key: Key, x: Array, labels: Array) -> tuple[Array, Array]:
    key_fraction, key_other = jax.random.split(key)
    fraction = jax.random.beta(key_fraction, alpha, alpha, x.shape[:1])
    other = jax.random.permutation(key_other, len(x))
    return tuple(
      a[other] + tree.expand(fraction, a) * (a - a[other]) for a in (x, labels)
    )

  return mix
