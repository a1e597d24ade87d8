"""Bilinear interpolation of images: the warp of all spatial sets."""

from typing import Literal

import jax.numpy as jnp

from robust_jax.perturbations import box
from robust_jax.types import Array

Padding = Literal["zero", "edge"]
_MODES = {"zero": "constant", "edge": "edge"}


def check_padding(padding: str) -> None:
  """Checks that padding is "zero" or "edge".

  Raises:
    ValueError: it is something else.
  """
  if padding not in _MODES:
    raise ValueError(f"padding = '{padding}': expected 'zero' or 'edge'.")


def pixels(x: Array) -> tuple[Array, Array]:
  """Row and column of every pixel of x `[B, H, W, C]`: `[H, 1]` and `[1, W]`.

  Raises:
    ValueError: x is not a batch of images.
  """
  if x.ndim != 4:
    raise ValueError(
      f"x of shape {x.shape}: spatial perturbations expect images [B, H, W, C]."
    )
  height, width = x.shape[1:3]
  rows = jnp.arange(height, dtype=jnp.float32)
  return rows[:, None], jnp.arange(width, dtype=jnp.float32)[None, :]


def warp(x: Array, rows: Array, columns: Array, padding: Padding) -> Array:
  """Reads x at other positions, with bilinear interpolation.

      x'[b, i, j] = x[b, rows[b, i, j], columns[b, i, j]].

  Outside the image, "zero" decreases to 0 over one pixel (SciPy's
  "grid-constant") and "edge" repeats the border. It is differentiable in the
  positions. On a pixel the derivative is that to its lower right; at positions
  outside that have no influence it is 0.

  Args:
    x: images `[B, H, W, C]`.
    rows: `[B, H, W]` in pixels; whole numbers are the pixels themselves.
    columns: `[B, H, W]` likewise.
    padding: the values outside the image.

  Returns:
    images of x's shape and dtype, in [0, 1].
  """
  batch, height, width, channels = x.shape
  flat = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), _MODES[padding])
  flat = flat.reshape(batch, -1, channels)
  top, down = _split(rows, height)
  left, right = _split(columns, width)
  stride = width + 2  # of the padded image
  corner = (top * stride + left).reshape(batch, -1, 1)

  def read(offset):
    values = jnp.take_along_axis(flat, corner + offset, axis=1, mode="clip")
    return values.reshape(x.shape).astype(jnp.float32)

  upper = _between(read(0), read(1), right)
  lower = _between(read(stride), read(stride + 1), right)
  # Rounding may leave the range of the pixels by one ulp.
  return box.clip(_between(upper, lower, down)).astype(x.dtype)


def _split(places: Array, size: int) -> tuple[Array, Array]:
  """Index into the padded axis, and the fraction of the way to the next."""
  places = jnp.clip(places, -1, size)
  first = jnp.clip(jnp.floor(places), -1, size - 1)
  return first.astype(jnp.int32) + 1, (places - first)[..., None]


def _between(a: Array, b: Array, fraction: Array) -> Array:
  # In this form the result is exactly a for fraction = 0.
  return a + fraction * (b - a)
