"""What all corruptions share: arguments, their checks, and 8-bit results."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.types import Array, Key

Corruption = Callable[..., Array]
"""(keys `[B]`, x `[B, H, W, C]` in [0, 1], severity) -> x' like x."""

SEVERITIES = range(1, 6)
# A gray level of float32 may come out a little low, and `floor` would take a
# whole level off it.
_ROUNDING = 1e-3


def corruption(change: Callable[..., Array]) -> Corruption:
  """Makes a corruption of `change`, which sees float32 and may leave [0, 1].

  The result takes `(keys, x, severity, *, size=None)`: one typed key per image,
  as `random.image_keys` makes them; images `[B, H, W, C]` in [0, 1], gray (C =
  1) or RGB (C = 3); a whole number from 1 to 5, maybe traced, so that one
  program serves all severities; and the image size whose constants are taken,
  where it is not the nearest (`constants.rows`).

  It returns images of x's shape and dtype, cut to [0, 1] and truncated to
  multiples of 1/255, as the stored benchmarks are: `floor(255 x) / 255`. That
  ImageNet-C is stored as JPEG of quality 85 besides is not part of a
  corruption; `jpeg_compression.on_host` does that.

  Every corruption raises ValueError where its arguments are not of this kind,
  as far as they can be seen: values are not while tracing.
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
  """x cut to [0, 1] and truncated to multiples of 1/255."""
  return levels(x) / 255


def levels(x: Array) -> Array:
  """The gray levels 0, ..., 255 of `eight_bits`, as floats."""
  return jnp.floor(jnp.clip(x, 0.0, 1.0) * 255 + _ROUNDING)


def check_images(keys: Key, x: Array) -> None:
  """x is gray or RGB in [0, 1], and keys are one for each image.

  Raises:
    ValueError: they are not.
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
