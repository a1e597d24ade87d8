"""Straight lines with soft edges, in the coordinates of a 28-pixel image."""

import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array

Point = tuple[Array, Array]  # row and column, `[B]` each
LAST = 27  # the last row and column
_REACH = 2.3  # pixels from the middle of a line to where it vanishes


def coordinates(x: Array) -> tuple[np.ndarray, np.ndarray]:
  """Returns rows `[H, 1]` and columns `[1, W]` of x, scaled to 28 pixels."""
  height, width = x.shape[1:3]
  rows = np.linspace(0, LAST, height, dtype=np.float32)
  columns = np.linspace(0, LAST, width, dtype=np.float32)
  return rows[:, None], columns[None, :]


def line(x: Array, start: Point, end: Point) -> Array:
  """Returns the brightness of a line at each pixel of x, `[B, H, W]` in [0, 1].

  It is `max(1 + log(1 - d / 2.3), 0)` at vertical distance d from the line.

  Args:
    x: images, of which only the shape is used.
    start: row and column of the left end, `[B]` each.
    end: row and column of the right end, further right.
  """
  rows, columns = coordinates(x)
  row, column, end_row, end_column = (
    place[:, None, None] for place in (*start, *end)
  )
  slope = (end_row - row) / (end_column - column)
  apart = jnp.abs(rows - row - slope * (columns - column))
  light = 1 + jnp.log(jnp.maximum(1 - apart / _REACH, 1e-6))
  inside = (columns >= jnp.floor(column)) & (columns < jnp.ceil(end_column))
  return jnp.where(inside, jnp.clip(light, 0.0, 1.0), 0.0)
