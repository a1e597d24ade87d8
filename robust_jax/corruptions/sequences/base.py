"""What all sequences share: arguments, their checks, and 8-bit frames."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions import constants
from robust_jax.corruptions.base import check_images, eight_bits
from robust_jax.types import Array, Key

Sequence = Callable[..., Array]
"""(keys `[B]`, x `[B, H, W, C]` in [0, 1]) -> frames `[B, T, H, W, C]`."""


def sequence(change: Callable[..., Array]) -> Sequence:
  """Makes a sequence of `change`, which sees float32 and may leave [0, 1].

  The result takes `(keys, x, *, size=None)`: keys and images as corruptions
  take them, and the image size whose constants are taken, 224 (ImageNet-P) or
  32 (CIFAR-10-P), where it is not the nearest. Sequences of noise take a
  `level` besides, 1 to 3.

  It returns frames of x's dtype, cut to [0, 1] and truncated to multiples of
  1/255. The authors' videos are compressed, ours are not; and they change
  images of 256 pixels and keep the middle 224 of each frame, so that less of
  the border is seen: who wants that cuts it off.

  Every sequence raises ValueError where its arguments are not of this kind.
  """

  @functools.wraps(change)
  def frames(keys: Key, x: Array, **options: Any) -> Array:
    check_images(keys, x)
    changed = change(keys, x.astype(jnp.float32), **options)
    return eight_bits(changed).astype(x.dtype)

  return frames


def frame_by_frame(frame: Callable[[Array], Array], count: int) -> Array:
  """`[B, T, ...]` of T = count frames; `frame` makes the i-th, `[B, ...]`."""
  return jnp.moveaxis(lax.map(frame, jnp.arange(count)), 0, 1)


def noisy(
  noise: Callable[[Key], Array], keys: Key, x: Array, count: int = 31
) -> Array:
  """x itself and then `count - 1` frames of noise with keys of their own."""

  def frame(i):
    fold = lambda key: jax.random.fold_in(key, i)
    return jnp.where(i == 0, x, noise(jax.vmap(fold)(keys)))

  return frame_by_frame(frame, count)


def by_level(
  table: Mapping[int, tuple[float, ...]],
  x: Array,
  size: int | None,
  level: int | Array,
) -> Array:
  """What a level of noise means for images x; it may be traced.

  Raises:
    ValueError: it is not 1, 2 or 3.
  """
  if not isinstance(level, jax.core.Tracer) and level not in (1, 2, 3):
    raise ValueError(f"level = {level}: expected 1, 2 or 3.")
  return constants.pick(constants.rows(table, x, size), level)
