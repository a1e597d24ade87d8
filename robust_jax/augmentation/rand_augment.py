"""A few operations in a row, at one magnitude."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.augmentation import operations
from robust_jax.augmentation.combinators import chain, one_of
from robust_jax.types import Array, Augmentation, Key

_WHOLE = 30  # the magnitude at which a range is used up


def rand_augment(
  num_operations: int = 2, magnitude: Array | float = 9.0
) -> Augmentation:
  """Random operations out of 14, one after the other.

  Identity, autocontrast, equalize, rotate, solarize, color, posterize,
  contrast, brightness, sharpness, and shear and translate along both axes. Each
  group of up to 8 images draws its own, each image the direction.

  Args:
    num_operations: N, how many in a row.
    magnitude: M from 0 to 30, at which the ranges end that AutoAugment has: 30
      degrees, a slope of 0.3, 150/331 of a side, factors of 1 +- 0.9, 4 bits,
      everything solarized. May be traced.

  Raises:
    ValueError: no operation, or another magnitude.

  Source: Cubuk et al. 2020, "RandAugment: Practical automated data augmentation
  with a reduced search space", with the ranges of Cubuk et al. 2019,
  "AutoAugment".
  """
  checks.at_least_one("num_operations", num_operations)
  checks.non_negative("magnitude", magnitude)
  checks.at_most("magnitude", magnitude, _WHOLE)
  choices = _operations(magnitude / _WHOLE)
  return chain([one_of(choices)] * num_operations)


def _operations(fraction: Array | float) -> Sequence[Augmentation]:
  """All 14, at a fraction of their ranges."""

  def up(change: Callable[..., Array], value: Array) -> Augmentation:
    return lambda key, x: change(x, jnp.broadcast_to(value, x.shape[:1]))

  def either_way(
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
    up(operations.posterize, 8 - jnp.round(4 * fraction)),
    up(operations.solarize, (1 - fraction) * 256 / 255),
    either_way(operations.color, 0.9, 1),
    either_way(operations.contrast, 0.9, 1),
    either_way(operations.brightness, 0.9, 1),
    either_way(operations.sharpness, 0.9, 1),
    either_way(operations.rotate, 30),
    either_way(operations.shear_x, 0.3),
    either_way(operations.shear_y, 0.3),
    either_way(operations.translate_x, 150 / 331),
    either_way(operations.translate_y, 150 / 331),
  )
