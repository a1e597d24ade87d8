"""Images read between their pixels: the warp that the spatial sets fraction."""

from typing import Literal

import jax.numpy as jnp

from robust_jax.perturbations import box
from robust_jax.types import Array

Padding = Literal["zero", "edge"]
_MODES = {"zero": "constant", "edge": "edge"}


def check_padding(padding: str) -> None:
  """padding is "zero" or "edge".

  Raises:
    ValueError: it is something else.
  """
  if padding not in _MODES:
    raise ValueError(f"padding = '{padding}': expected 'zero' or 'edge'.")


def pixels(x: Array) -> tuple[Array, Array]:
  """Row and column of every pixel of x `[B, H, W, C]`: `[H, 1]`, `[1, W]`.

  Raises:
    ValueError: x is no batch of images.
  """
  if x.ndim != 4:
    raise ValueError(
      f"x of shape {x.shape}: a spatial set moves the pixels of images "
      "[B, H, W, C]."
    )
  height, width = x.shape[1:3]
  rows = jnp.arange(height, dtype=jnp.float32)
  return rows[:, None], jnp.arange(width, dtype=jnp.float32)[None, :]


def warp(x: Array, rows: Array, columns: Array, padding: Padding) -> Array:
  """x read at other places: `x'[b, i, j] = x[b, rows[b, i, j], columns[...]]`.

  Bilinear between pixels. Outside, "zero" goes down to 0 over one pixel (the
  "grid-constant" of SciPy) and "edge" repeats the border. Differentiable in the
  places, where the derivative on a pixel is that to its right and below; one
  outside that nothing changes reads 0.

  Args:
    x: images `[B, H, W, C]`.
    rows: `[B, H, W]` in pixels; integers are the pixels themselves.
    columns: likewise.
    padding: what stands outside of the image.

  Returns:
    Images of x's shape and dtype, in [0, 1].
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
  # Rounding may lead out of the range of the pixels by a last bit.
  return box.cut(_between(upper, lower, down)).astype(x.dtype)


def _split(places: Array, size: int) -> tuple[Array, Array]:
  """Index into the padded axis, and the way from there to the next, 0 to 1."""
  places = jnp.clip(places, -1, size)
  first = jnp.clip(jnp.floor(places), -1, size - 1)
  return first.astype(jnp.int32) + 1, (places - first)[..., None]


def _between(a: Array, b: Array, fraction: Array) -> Array:
  # In this form fraction = 0 is a itself.
  return a + fraction * (b - a)
