"""Style of handwriting, measured per image: how thick and how slanted.

Images `[B, H, W, C]` show bright strokes on black; channels are averaged and
the brightest pixel of each image counts as fully inked. Nothing is thinned to a
skeleton, so both measures are smooth in the pixels almost everywhere and can be
computed within a compiled step.
"""

import jax.numpy as jnp

from robust_jax.types import Array

__all__ = ["slant", "thickness"]

# Below this an image is blank: 8-bit images have no value between.
_BLANK = 1e-3


def thickness(x: Array) -> Array:
  """Thickness of the stroke in pixels, `[B]`; 0 for a blank image.

  That of the straight bar with the same area A and perimeter P: the smaller
  root of `w^2 - w P / 2 + A`. Bends leave both nearly alone, and a gray edge
  counts as it does in A, by its fraction. The perimeter is the total variation,
  with differences over 2x2 pixels, which prefer no direction.
  """
  ink = _ink(x)
  ink = jnp.pad(ink, ((0, 0), (1, 1), (1, 1)))
  rows = ink[:, :, 1:] + ink[:, :, :-1]
  columns = ink[:, 1:] + ink[:, :-1]
  down = jnp.diff(rows, axis=1) / 2
  right = jnp.diff(columns, axis=2) / 2
  half = jnp.hypot(down, right).sum(axis=(1, 2)) / 2
  area = ink.sum(axis=(1, 2))
  # Rounder than any bar, a disc say: the bar that comes nearest is a square.
  root = jnp.sqrt(jnp.maximum(half**2 - 4 * area, 0.0))
  return (half - root) / 2


def slant(x: Array) -> Array:
  """Columns to the right for each row upwards, `[B]`; 0 for a blank image.

  The slope of column on height by least squares over the ink: from its second
  moments, cov(column, height) / var(height). A shear moves it by exactly the
  shear; 1 is 45 degrees to the right. An image of one row has slant 0.
  """
  ink = _ink(x)
  height = -jnp.arange(ink.shape[1], dtype=jnp.float32)[:, None]
  column = jnp.arange(ink.shape[2], dtype=jnp.float32)[None, :]
  total = jnp.maximum(ink.sum(axis=(1, 2)), _BLANK)

  def mean(values):
    return (ink * values).sum(axis=(1, 2)) / total

  up = height - mean(height)[:, None, None]
  right = column - mean(column)[:, None, None]
  spread = mean(up * up)
  return jnp.where(spread > _BLANK, mean(up * right), 0.0) / jnp.maximum(
    spread, _BLANK
  )


def _ink(x):
  gray = x.astype(jnp.float32).mean(axis=-1)
  brightest = gray.max(axis=(1, 2), keepdims=True)
  return jnp.where(brightest > _BLANK, gray, 0.0) / jnp.maximum(
    brightest, _BLANK
  )
