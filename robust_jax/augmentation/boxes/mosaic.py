"""Mosaic: four images of a batch meet at a random point."""

import itertools

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.augmentation.boxes._visible import LEAST_VISIBLE, visible
from robust_jax.types import Array, Batch, BatchAugmentation, Key, PyTree

_MARGIN = 0.25


def mosaic(
  probability: float = 0.5, least_visible: float = LEAST_VISIBLE
) -> BatchAugmentation:
  """Mosaic: four images of a batch meet at a point, each in its own corner.

  The point is uniform in the middle half of the image. Each corner shows what
  an image has there, the first one the image itself and the others three random
  ones of the batch. If there are more objects than slots, the largest are kept.

  Args:
    probability: probability of changing an image, in [0, 1].
    least_visible: fraction of its area that an object must keep.

  Returns:
    A `BatchAugmentation`.

  Raises:
    ValueError: the probability is not in [0, 1].

  Source: Bochkovskiy, Wang and Liao 2020, "YOLOv4: optimal speed and accuracy
  of object detection", section 3.3.

  Deviation: images are cut and not shrunk, which small objects do not survive;
  the size is changed by `affine`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.augmentation import boxes
    >>> x = jnp.broadcast_to(jnp.arange(4.0)[:, None, None, None], (4, 8, 8, 1))
    >>> y = {"boxes": jnp.zeros((4, 1, 4)), "classes": jnp.zeros((4, 1), int)}
    >>> batch = {"x": x, "y": {**y, "present": jnp.zeros((4, 1))}}
    >>> mixed = boxes.mosaic(probability=1.0)(jax.random.key(0), batch)
    >>> len(set(mixed["x"].ravel().tolist()))
    4
  """
  checks.non_negative("probability", probability)
  checks.at_most("probability", probability, 1)
  checks.at_most("least_visible", least_visible, 1)

  def augment(key: Key, batch: Batch) -> Batch:
    key_coin, key_point, key_order = jax.random.split(key, 3)
    x, y = batch["x"], batch["y"]
    size = jnp.float32([x.shape[2], x.shape[1]])
    point = jax.random.uniform(
      key_point, (len(x), 2), minval=_MARGIN, maxval=1 - _MARGIN
    )
    point = jnp.round(point * size)
    # Images in a circle: of four or more, each meets the next three.
    circle = jax.random.permutation(key_order, len(x))
    place = jnp.argsort(circle)
    image, objects = x, []
    sides = itertools.product((False, True), repeat=2)  # right, below
    for number, side in enumerate(sides):
      rows = circle[(place + number) % len(x)]
      second = jnp.array(side)
      low = jnp.where(second, point, 0.0)[:, None]
      high = jnp.where(second, size, point)[:, None]
      shown = jax.tree.map(lambda leaf, rows=rows: leaf[rows], y)
      objects.append(visible(shown, shown["boxes"], low, high, least_visible))
      image = jnp.where(_inside(x, low, high), x[rows], image)
    mixed = {"x": image, "y": _largest(objects, y["present"].shape[1])}
    coin = jax.random.bernoulli(key_coin, probability, x.shape[:1])
    return tree.where(coin, mixed, batch)

  return augment


def _inside(x: Array, low: Array, high: Array) -> Array:
  """The pixels of a region, `[B, H, W, 1]`."""
  columns, rows = (jnp.arange(n) for n in (x.shape[2], x.shape[1]))
  across = (columns >= low[..., 0]) & (columns < high[..., 0])
  down = (rows >= low[..., 1]) & (rows < high[..., 1])
  return (down[:, :, None] & across[:, None, :])[..., None]


def _largest(objects: list[PyTree], slots: int) -> PyTree:
  """The largest of several lists of padded objects."""
  joined = jax.tree.map(lambda *leaves: jnp.concatenate(leaves, 1), *objects)
  sides = joined["boxes"][..., 2:] - joined["boxes"][..., :2]
  _, kept = jax.lax.top_k(sides.prod(axis=-1) * joined["present"], slots)
  return jax.tree.map(
    lambda leaf: jnp.take_along_axis(
      leaf, kept.reshape(kept.shape + (1,) * (leaf.ndim - 2)), axis=1
    ),
    joined,
  )
