"""Cells of a detector's outputs: centers, and heatmaps of objects."""

import jax
import jax.numpy as jnp

from robust_jax import boxes as geometry
from robust_jax.types import Array, PyTree

STRIDE = 4
"""Side of a cell, in pixels."""
_LEAST_SPREAD = 0.5 * STRIDE


def points(height: int, width: int) -> Array:
  """Returns the middles (x, y) of cells in pixels, `[h, w, 2]`.

  Args:
    height: h, in cells.
    width: w, in cells.

  Example:
    >>> from robust_jax import cells
    >>> cells.points(2, 3)[1, 0].tolist()
    [2.0, 6.0]
  """
  rows, columns = (STRIDE * (jnp.arange(n) + 0.5) for n in (height, width))
  return jnp.stack(jnp.meshgrid(columns, rows), axis=-1)


def of_boxes(boxes: Array, height: int, width: int) -> tuple[Array, Array]:
  """Returns row and column, `[...]` int, of the cells of the boxes' centers.

  Args:
    boxes: `[..., 4]` in pixels; a center outside the image has the nearest
      cell.
    height: h, in cells.
    width: w, in cells.
  """
  center = (boxes[..., :2] + boxes[..., 2:]) / 2
  cell = jnp.floor(center / STRIDE).astype(jnp.int32)
  return cell[..., 1].clip(0, height - 1), cell[..., 0].clip(0, width - 1)


def at(values: Array, rows: Array, columns: Array) -> Array:
  """Picks values `[B, h, w, D]` at cells `[B, G]`: `[B, G, D]`."""
  flat = values.reshape(len(values), -1, values.shape[-1])
  cell = rows * values.shape[2] + columns
  return jnp.take_along_axis(flat, cell[..., None], axis=1, mode="clip")


def heatmaps(targets: PyTree, shape: tuple[int, int, int]) -> Array:
  """Draws a Gaussian around each object, in the map of its class.

      max over the objects of a class of
      exp(-(i - i0)^2 / (2 s_y^2) - (j - j0)^2 / (2 s_x^2))

  with the cell (i0, j0) of the object's center, where it is exactly 1, and a
  tenth of the box's height and width as s_y and s_x, but at least half a cell.

  Args:
    targets: padded objects, as in a batch.
    shape: (h, w, K).

  Returns:
    `[B, h, w, K]` from 0 to 1.

  Source: Zhou, Wang and Kraehenbuehl 2019, "Objects as points", section 3.

  Deviation: as wide and high as the object, as in Liu et al. 2020, "Training-
  time-friendly network for real-time object detection".
  """
  height, width, num_classes = shape
  boxes = targets["boxes"]
  rows, columns = of_boxes(boxes, height, width)
  spread = (boxes[..., 2:] - boxes[..., :2]) / 10
  spread = jnp.maximum(spread, _LEAST_SPREAD) / STRIDE
  down = _bell(jnp.arange(height) - rows[..., None], spread[..., 1:])
  across = _bell(jnp.arange(width) - columns[..., None], spread[..., :1])
  is_class = jax.nn.one_hot(targets["classes"], num_classes)
  is_class *= targets["present"][..., None]
  each = down[:, :, :, None, None] * across[:, :, None, :, None]
  return (each * is_class[:, :, None, None, :]).max(axis=1, initial=0.0)


def _bell(distance: Array, spread: Array) -> Array:
  return jnp.exp(-((distance / spread) ** 2) / 2)


def giou(a: Array, b: Array) -> Array:
  """Generalized IoU (GIoU) of pairs of boxes, `[..., 4]` -> `[...]`.

      IoU - (area of the enclosing box outside of the union) / (its area)

  It is from -1 to 1, and has a gradient where the boxes do not touch.

  Source: Rezatofighi et al. 2019, "Generalized intersection over union".
  Deviation: areas of 0 are taken for 1e-6 square pixels.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import cells
    >>> a = jnp.array([0.0, 0.0, 1.0, 1.0])
    >>> print(cells.giou(a, a + jnp.array([2.0, 0.0, 2.0, 0.0])))  # 0 - 1 / 3
    -0.33333334
  """
  shared = geometry.area(_combined(jnp.maximum, jnp.minimum, a, b))
  union = geometry.area(a) + geometry.area(b) - shared
  around = geometry.area(_combined(jnp.minimum, jnp.maximum, a, b))
  union, around = jnp.maximum(union, 1e-6), jnp.maximum(around, 1e-6)
  return shared / union - (around - union) / around


def _combined(low, high, a: Array, b: Array) -> Array:
  corners = low(a[..., :2], b[..., :2]), high(a[..., 2:], b[..., 2:])
  return jnp.concatenate(corners, axis=-1)
