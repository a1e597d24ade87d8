"""The part of a box that remains visible."""

import jax.numpy as jnp

from robust_jax import boxes as geometry
from robust_jax.types import Array, PyTree

LEAST_VISIBLE = 0.3
"""Fraction of its area that an object must keep, by default."""


def visible(
  objects: PyTree, boxes: Array, low: Array, high: Array, least: float
) -> PyTree:
  """Moves objects, cuts them at the edges of a region, and drops hidden ones.

  Args:
    objects: padded objects, as in a batch.
    boxes: their boxes after a change, `[B, G, 4]`.
    low: left and top edge of the region, `[..., 2]`.
    high: right and bottom edge.
    least: the fraction of the area that an object must keep.

  Returns:
    The objects; boxes of padding are 0.
  """
  cut = jnp.concatenate(
    [boxes[..., :2].clip(low, high), boxes[..., 2:].clip(low, high)], axis=-1
  )
  remains = geometry.area(cut) > least * geometry.area(boxes)
  present = jnp.where(remains, objects["present"], 0.0)
  is_there = present[..., None] > 0
  return {
    "boxes": jnp.where(is_there, cut, 0.0),
    "classes": objects["classes"],
    "present": present,
  }
