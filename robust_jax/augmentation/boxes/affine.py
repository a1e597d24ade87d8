"""Rotation, scaling and translation of images with the boxes of objects."""

import itertools

import jax.numpy as jnp

from robust_jax import checks, perturbations
from robust_jax.augmentation.boxes._visible import LEAST_VISIBLE, visible
from robust_jax.perturbations.affine import Transform
from robust_jax.perturbations.bilinear import Padding
from robust_jax.types import Array, Batch, BatchAugmentation, Key

_CORNERS = tuple(itertools.product((0, 2), (1, 3)))


def affine(
  *,
  rotation: float = 0.0,
  scale: float = 0.0,
  translation: float = 0.0,
  padding: Padding = "zero",
  least_visible: float = LEAST_VISIBLE,
) -> BatchAugmentation:
  """Random rotation, scale and translation of images with their boxes.

  The transforms are those of `perturbations.affine`, uniform in the ranges. A
  box becomes the smallest one around its four corners, which for a square and
  10 degrees has 1.34 times its area.

  Args:
    rotation: largest rotation in either direction, in degrees.
    scale: largest relative growth or shrinkage, below 1.
    translation: largest shift in either direction, as a fraction of the shorter
      side of the image.
    padding: "zero" or "edge", the values outside the image.
    least_visible: fraction of its area that an object must keep.

  Returns:
    A `BatchAugmentation`.

  Raises:
    ValueError: a range is negative, scale is not below 1, or the padding is
      unknown.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.augmentation import boxes
    >>> here = jnp.float32([[[2, 2, 6, 6]]])
    >>> y = {"boxes": here, "present": jnp.ones((1, 1))}
    >>> y["classes"] = jnp.zeros((1, 1), int)
    >>> batch = {"x": jnp.zeros((1, 8, 8, 1)), "y": y}
    >>> grown = boxes.affine(scale=0.5)(jax.random.key(0), batch)
    >>> print(grown["y"]["boxes"].sum())  # the middle stays where it is
    16.0
  """
  for name, value in (("translation", translation), ("scale", scale)):
    checks.non_negative(name, value)
  checks.at_most("least_visible", least_visible, 1)
  perturbations.affine(rotation, scale=scale, padding=padding)  # checks them

  def augment(key: Key, batch: Batch) -> Batch:
    x, y = batch["x"], batch["y"]
    pset = perturbations.affine(
      rotation,
      translation * min(x.shape[1:3]),
      scale=scale,
      padding=padding,
    )
    delta = pset.sample(key, x)
    size = jnp.float32([x.shape[2], x.shape[1]])
    boxes = _moved(y["boxes"], delta, size / 2)
    objects = visible(y, boxes, jnp.zeros(2), size, least_visible)
    return {"x": pset.apply(x, delta), "y": objects}

  return augment


def _moved(boxes: Array, delta: Transform, middle: Array) -> Array:
  """The boxes around the corners of boxes `[B, G, 4]` after a transform."""
  corners = jnp.stack([boxes[..., pair] for pair in _CORNERS], axis=-2)
  x, y = jnp.moveaxis(corners - middle, -1, 0)
  growth, angle, down, right = (
    parameter[:, None, None]
    for parameter in (
      1 + delta.scale,
      jnp.deg2rad(delta.rotation),
      *delta.translation.T,
    )
  )
  # Counter-clockwise, with y downward.
  cos, sin = growth * jnp.cos(angle), growth * jnp.sin(angle)
  moved = jnp.stack(
    [cos * x + sin * y + right, cos * y - sin * x + down], axis=-1
  )
  ends = moved.min(axis=-2) + middle, moved.max(axis=-2) + middle
  return jnp.concatenate(ends, axis=-1)
