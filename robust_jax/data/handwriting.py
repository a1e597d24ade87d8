"""Measures of handwriting style per image: stroke thickness and slant.

Images `[B, H, W, C]` show bright strokes on black. Channels are averaged, and
the brightest pixel of each image counts as fully inked. Both measures avoid
skeletonization, so they are smooth in the pixels almost everywhere and can be
computed within a compiled step.
"""

import jax.numpy as jnp

from robust_jax.types import Array

__all__ = ["slant", "thickness"]

# Images below this are blank; 8-bit images have no smaller positive value.
_BLANK = 1e-3


def thickness(x: Array) -> Array:
  """Stroke thickness in pixels: the width of a bar of equal area and perimeter.

  For a bar of area A and perimeter P it is the smaller root of `w^2 - w P / 2 +
  A = 0`. Bends hardly change A and P, and gray edges count by their fraction.
  The perimeter is the isotropic total variation, with differences over 2x2
  pixels.

  Args:
    x: images `[B, H, W, C]`.

  Returns:
    `[B]`; 0 for a blank image.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax.data import handwriting
    >>> bar = jnp.zeros((1, 28, 28, 1)).at[:, 4:24, 12:15].set(1.0)
    >>> abs(jax.jit(handwriting.thickness)(bar).item() - 3) < 0.2
    True
  """
  ink = _ink(x)
  ink = jnp.pad(ink, ((0, 0), (1, 1), (1, 1)))
  rows = ink[:, :, 1:] + ink[:, :, :-1]
  columns = ink[:, 1:] + ink[:, :-1]
  down = jnp.diff(rows, axis=1) / 2
  right = jnp.diff(columns, axis=2) / 2
  half = jnp.hypot(down, right).sum(axis=(1, 2)) / 2
  area = ink.sum(axis=(1, 2))
  # Shapes more compact than any bar, such as disks: use the nearest square.
  root = jnp.sqrt(jnp.maximum(half**2 - 4 * area, 0.0))
  return (half - root) / 2


def slant(x: Array) -> Array:
  """Slant: columns to the right per row upwards.

  It is the least-squares slope of column on height over the ink,
  cov(column, height) / var(height). A shear adds exactly its own slope; 1 is 45
  degrees to the right.

  Args:
    x: images `[B, H, W, C]`.

  Returns:
    `[B]`; 0 for a blank image and for an image of one row.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax.data import handwriting
    >>> diagonal = jnp.eye(8)[::-1].reshape(1, 8, 8, 1)
    >>> round(jax.jit(handwriting.slant)(diagonal).item(), 3)
    1.0
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
