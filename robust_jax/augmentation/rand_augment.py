"""RandAugment: random operations in a row at one magnitude."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.augmentation import operations
from robust_jax.augmentation.combinators import chain, one_of
from robust_jax.types import Array, Augmentation, Key

_WHOLE = 30  # the magnitude of the full range


def rand_augment(
  num_operations: int = 2, magnitude: Array | float = 9.0
) -> Augmentation:
  """RandAugment: applies N random operations of 14 at magnitude M.

  The operations are identity, autocontrast, equalize, rotate, solarize, color,
  posterize, contrast, brightness, sharpness, and shear and translate along both
  axes. They are drawn for each group of up to 8 images, directions for each
  image.

  Args:
    num_operations: N, the number of operations in a row.
    magnitude: M from 0 to 30; may be traced. At 30 the ranges are those of
      AutoAugment: 30 degrees, a slope of 0.3, 150/331 of a side, factors of
      1 +- 0.9, 4 bits, everything solarized.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: num_operations is below 1, or magnitude is not in [0, 30].

  Source: Cubuk et al. 2020, "RandAugment: Practical automated data augmentation
    with a reduced search space", with the ranges of Cubuk et al. 2019,
    "AutoAugment".

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.rand_augment(num_operations=2, magnitude=9)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.5)
    >>> jax.eval_shape(augment, jax.random.key(0), x).shape
    (2, 8, 8, 3)
  """
  checks.at_least_one("num_operations", num_operations)
  checks.non_negative("magnitude", magnitude)
  checks.at_most("magnitude", magnitude, _WHOLE)
  choices = _operations(magnitude / _WHOLE)
  return chain([one_of(choices)] * num_operations)


def _operations(fraction: Array | float) -> Sequence[Augmentation]:
  """Returns all 14 operations at a fraction of their ranges."""

  def one_sided(
    change: Callable[..., Array], value: Array | float
  ) -> Augmentation:
    return lambda key, x: change(x, jnp.broadcast_to(value, x.shape[:1]))

  def two_sided(
    change: Callable[..., Array], reach: float, middle: float = 0.0
  ) -> Augmentation:
    def augment(key: Key, x: Array) -> Array:
      sign = jax.random.rademacher(key, x.shape[:1], jnp.float32)
      return change(x, middle + sign * reach * fraction)

    return augment

  return (
    lambda key, x: x,
    lambda key, x: operations.autocontrast(x),
    lambda key, x: operations.equalize(x),
    one_sided(operations.posterize, 8 - jnp.round(4 * fraction)),
    one_sided(operations.solarize, (1 - fraction) * 256 / 255),
    two_sided(operations.color, 0.9, 1),
    two_sided(operations.contrast, 0.9, 1),
    two_sided(operations.brightness, 0.9, 1),
    two_sided(operations.sharpness, 0.9, 1),
    two_sided(operations.rotate, 30),
    two_sided(operations.shear_x, 0.3),
    two_sided(operations.shear_y, 0.3),
    two_sided(operations.translate_x, 150 / 331),
    two_sided(operations.translate_y, 150 / 331),
  )
