"""Flips of images with the boxes of their objects."""

import jax
import jax.numpy as jnp

from robust_jax import tree
from robust_jax.types import Batch, BatchAugmentation, Key


def flip(
  *, horizontal: bool = True, vertical: bool = False
) -> BatchAugmentation:
  """Random flips with boxes, along each chosen axis with probability 1/2.

  Args:
    horizontal: whether left and right may be exchanged.
    vertical: whether top and bottom may be exchanged.

  Returns:
    A `BatchAugmentation`.

  Raises:
    ValueError: both are False.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.augmentation import boxes
    >>> here = jnp.float32([[[0, 0, 2, 8]]])
    >>> y = {"boxes": here, "present": jnp.ones((1, 1))}
    >>> batch = {"x": jnp.zeros((1, 8, 8, 1)), "y": y}
    >>> flipped = boxes.flip()(jax.random.key(1), batch)
    >>> flipped["y"]["boxes"].ravel().tolist()
    [6.0, 0.0, 8.0, 8.0]
  """
  axes = [axis for axis, on in ((2, horizontal), (1, vertical)) if on]
  if not axes:
    raise ValueError(
      "flip with neither horizontal nor vertical: expected at least one of "
      "both."
    )

  def augment(key: Key, batch: Batch) -> Batch:
    coins = jax.random.bernoulli(key, shape=(len(axes), len(batch["x"])))
    for axis, coin in zip(axes, coins, strict=True):
      batch = tree.where(coin, _flipped(batch, axis), batch)
    return batch

  return augment


def _flipped(batch: Batch, axis: int) -> Batch:
  """Flips all images along axis 1 or 2; what is padding stays as it is."""
  x, y = batch["x"], batch["y"]
  low, high = (0, 2) if axis == 2 else (1, 3)
  boxes = y["boxes"]
  ends = {low: x.shape[axis] - boxes[..., high]}
  ends[high] = x.shape[axis] - boxes[..., low]
  flipped = jnp.stack([ends.get(i, boxes[..., i]) for i in range(4)], axis=-1)
  flipped = jnp.where(y["present"][..., None] > 0, flipped, boxes)
  return {"x": jnp.flip(x, axis), "y": {**y, "boxes": flipped}}
