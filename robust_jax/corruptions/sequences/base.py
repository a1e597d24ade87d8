"""The common interface of sequences: argument checks and 8-bit frames."""

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
  """Decorator that turns a function from images to frames into a sequence.

  A sequence takes `(keys, x, *, size=None)` and raises ValueError where an
  argument is not as described below.

  Args:
    change: function `(keys, x, **options) -> frames`. It receives x as float32,
      and its frames may leave [0, 1].

  Returns:
    The sequence. Its arguments are

    - keys: `[B]`, one typed key per image, as for corruptions;
    - x: images `[B, H, W, C]` in [0, 1];
    - size: image size whose published constants are used, 224 (ImageNet-P) or
      32 (CIFAR-10-P); by default the nearest;
    - level: 1, 2 or 3; sequences of noise only.

    Its result are frames `[B, T, H, W, C]` of the dtype of x, clipped to [0, 1]
    and truncated to multiples of 1/255.

  Deviation: the published videos are compressed, and show the center of 224
    pixels of changed images of 256, by which less of the border is seen. Crop
    the frames to have the same.

  Example:
    >>> import jax
    >>> from robust_jax.corruptions.sequences.base import sequence
    >>> @sequence
    ... def fade(keys, x):
    ...   return jax.numpy.stack([x, 0.5 * x, 0 * x], axis=1)
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> fade(keys, jax.numpy.ones((1, 2, 2, 3))).shape
    (1, 3, 2, 2, 3)
  """

  @functools.wraps(change)
  def frames(keys: Key, x: Array, **options: Any) -> Array:
    check_images(keys, x)
    changed = change(keys, x.astype(jnp.float32), **options)
    return eight_bits(changed).astype(x.dtype)

  return frames


def frame_by_frame(frame: Callable[[Array], Array], count: int) -> Array:
  """Stacks `frame(0), ..., frame(count - 1)`, each `[B, ...]`, on axis 1."""
  return jnp.moveaxis(lax.map(frame, jnp.arange(count)), 0, 1)


def noisy(
  noise: Callable[[Key], Array], keys: Key, x: Array, count: int = 31
) -> Array:
  """Returns x and `count - 1` noisy frames, each with its own keys."""

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
  """Returns the constant of a noise level for images x.

  Args:
    table: constants of the three levels, per image size.
    x: images, of which only the shape is used.
    size: image size whose constants are used; by default the nearest.
    level: 1, 2 or 3; may be traced.

  Raises:
    ValueError: the level is not 1, 2 or 3.
  """
  if not isinstance(level, jax.core.Tracer) and level not in (1, 2, 3):
    raise ValueError(f"level = {level}: expected 1, 2 or 3.")
  return constants.pick(constants.rows(table, x, size), level)
