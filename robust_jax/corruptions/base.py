"""The common interface of corruptions: argument checks and 8-bit results."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.types import AnyArray, Array, Key

Corruption = Callable[..., Array]
"""(keys `[B]`, x `[B, H, W, C]` in [0, 1], severity) -> x' like x."""

PointMap = Callable[..., AnyArray]
"""(keys `[B]`, x `[B, H, W, C]`, severity, points `[B, P, 2]`) -> points'.

Where a corruption that moves pixels takes the points of an image, by the same
draws. Of x only the shape is used. Points are (right, down) in pixels from the
upper left corner of the image, so that the center of its first pixel is (0.5,
0.5); they may leave it."""

SEVERITIES = range(1, 6)
# A gray level of float32 may come out a little low, and `floor` would take a
# whole level off it.
_ROUNDING = 1e-3


def corruption(change: Callable[..., Array]) -> Corruption:
  """Decorator that turns a change of float32 images into a corruption.

  A corruption raises ValueError where an argument is not as described below.
  Values are not checked while tracing.

  Args:
    change: function `(keys, x, severity, **options) -> x'`. It receives x as
      float32, and its result may leave [0, 1].

  Returns:
    The corruption. Its arguments are

    - keys: `[B]`, one typed key per image, from `random.image_keys`;
    - x: images `[B, H, W, C]` in [0, 1], gray (C = 1) or RGB (C = 3);
    - severity: whole number from 1 to 5. It may be traced, so that one compiled
      program serves all severities;
    - size: of changes that have it, the image size whose published constants
      are used, such as 224 for ImageNet-C; by default the size nearest to that
      of x (`constants.rows`).

    Its result has the shape and dtype of x, is clipped to [0, 1] and truncated
    to multiples of 1/255, as in the stored benchmarks: `floor(255 x) / 255`.

  Deviation: ImageNet-C is stored as JPEG of quality 85, which is not part of a
    corruption. `jpeg_compression.on_host` applies it.

  Example:
    >>> import jax
    >>> from robust_jax.corruptions.base import corruption
    >>> @corruption
    ... def darken(keys, x, severity):
    ...   return x - 0.1 * severity
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> bool((darken(keys, jax.numpy.full((1, 2, 2, 1), 0.4), 5) == 0).all())
    True
  """

  @functools.wraps(change)
  def corrupted(
    keys: Key, x: Array, severity: int | Array, **options: Any
  ) -> Array:
    check_images(keys, x)
    _check_severity(severity)
    changed = change(keys, x.astype(jnp.float32), severity, **options)
    return eight_bits(changed).astype(x.dtype)

  return corrupted


def eight_bits(x: Array) -> Array:
  """Clips x to [0, 1] and truncates it to multiples of 1/255."""
  return levels(x) / 255


def levels(x: Array | np.ndarray) -> Array:
  """Returns the gray levels 0, ..., 255 of `eight_bits(x)` as floats."""
  return jnp.floor(jnp.clip(x, 0.0, 1.0) * 255 + _ROUNDING)


def check_images(keys: Key, x: Array) -> None:
  """Checks that x is gray or RGB in [0, 1], with one typed key per image.

  Args:
    keys: `[B]`, typed keys.
    x: images `[B, H, W, C]`.

  Raises:
    ValueError: the shape, the range or the keys are not as expected.
  """
  if x.ndim != 4 or x.shape[-1] not in (1, 3):
    raise ValueError(
      f"images of shape {x.shape}: expected [B, H, W, 3] in RGB or "
      "[B, H, W, 1] in gray."
    )
  checks.images(x)
  is_key = jnp.issubdtype(keys.dtype, jax.dtypes.prng_key)
  if not is_key or keys.shape != x.shape[:1]:
    raise ValueError(
      f"keys {keys.dtype}{list(keys.shape)} for {x.shape[0]} images: expected "
      "one typed key per image; random.image_keys makes them of image ids."
    )


def _check_severity(severity: int | Array) -> None:
  if isinstance(severity, jax.core.Tracer):
    return
  if np.ndim(severity) or severity not in SEVERITIES:
    raise ValueError(
      f"severity = {severity}: expected one whole number from 1 to 5."
    )
