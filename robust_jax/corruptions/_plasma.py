"""Plasma fractals (clouds) by the diamond-square algorithm."""

import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions import random
from robust_jax.types import Array, Key


def draw(keys: Key, side: int) -> tuple[Array, ...]:
  """Draws uniform noise in [-1, 1) for each level, from coarse to fine.

  Returns:
    Arrays `[B, 3, n, n]`, where n doubles from 1 to side / 2 and side is a
    power of two. The three planes are for the centers of squares, the edges
    along rows and the edges along columns.
  """
  levels = range(side.bit_length() - 1)
  return tuple(
    random.uniform(keys, (3, 1 << level, 1 << level), -1.0, 1.0, stream=level)
    for level in levels
  )


def cloud(noise: tuple[Array, ...], decay: Array) -> Array:
  """Returns periodic cloud maps `[B, side, side]` with values from 0 to 1.

  Each level adds a point in the center of every square and of every edge: the
  mean of its four neighbors plus noise, whose amplitude is divided by `decay`
  squared from level to level.

  Args:
    noise: one array per level, from `draw`.
    decay: scalar.

  Source: Fournier, Fussell and Carpenter 1982, and the fog of ImageNet-C.
  """
  grid = jnp.zeros((noise[0].shape[0], 1, 1))
  strength: Array | float = 1.0
  for middle, along_rows, along_columns in (
    jnp.moveaxis(level, 1, 0) for level in noise
  ):
    next_row = jnp.roll(grid, -1, 1)
    next_column = jnp.roll(grid, -1, 2)
    corner = jnp.roll(next_row, -1, 2)
    middles = (grid + next_row + next_column + corner) / 4 + strength * middle
    middles = lax.optimization_barrier(middles)
    above, left = jnp.roll(middles, 1, 1), jnp.roll(middles, 1, 2)
    in_rows = (grid + next_column + middles + above) / 4
    in_columns = (grid + next_row + middles + left) / 4
    upper = _interleaved(grid, in_rows + strength * along_rows, 2)
    lower = _interleaved(in_columns + strength * along_columns, middles, 2)
    # Without a barrier, XLA recomputes all coarse levels for the finer ones.
    grid = lax.optimization_barrier(_interleaved(upper, lower, 1))
    strength = strength / decay**2
  low = grid.min(axis=(1, 2), keepdims=True)
  high = grid.max(axis=(1, 2), keepdims=True)
  return (grid - low) / (high - low)


def _interleaved(a: Array, b: Array, axis: int) -> Array:
  shape = [n * (1 + (i == axis)) for i, n in enumerate(a.shape)]
  return jnp.stack([a, b], axis + 1).reshape(shape)
