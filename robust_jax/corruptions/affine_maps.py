"""Affine maps about the center of an image; values outside are black."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from robust_jax.corruptions import random
from robust_jax.corruptions.base import PointMap
from robust_jax.types import Array, Key


def about_center(
  x: Array, matrices: Array, shift: Array | float = 0.0
) -> Array:
  """Warps images by affine maps about their centers.

  The value at offset p from the center of the result is read, bilinearly, at
  offset `M p + shift` of x. Offsets are (right, down) in pixels; values outside
  the image are 0.

  Args:
    x: images `[B, H, W, C]`.
    matrices: M, `[B, 2, 2]`, or one `[2, 2]` for all images.
    shift: `[B, 2]` in pixels, or a scalar.

  Returns:
    Images like x.
  """
  sizes = np.array([x.shape[2], x.shape[1]])
  middle = (sizes - 1) / 2
  rows, columns = np.indices(x.shape[1:3], np.float32)
  offsets = np.stack([columns, rows]) - middle[:, None, None]
  matrices = jnp.broadcast_to(matrices, (len(x), 2, 2))
  places = jnp.einsum("bij,jhw->bihw", matrices, offsets, precision="highest")
  places += jnp.broadcast_to(middle + shift, (len(x), 2))[..., None, None]
  return read(x, places)


def moved_points(
  points: Array, x: Array, matrices: Array, shift: Array | float = 0.0
) -> Array:
  """Returns where `about_center` with the same maps takes points.

  Args:
    points: `[B, P, 2]`; see `base.PointMap`.
    x: images `[B, H, W, C]`, of which only the shape is used.
    matrices: M, `[B, 2, 2]`, or one `[2, 2]` for all images.
    shift: `[B, 2]` in pixels, or a scalar.

  Returns:
    `[B, P, 2]`.
  """
  middle = np.array([x.shape[2], x.shape[1]], np.float32) / 2
  inverses = jnp.linalg.inv(jnp.broadcast_to(matrices, (x.shape[0], 2, 2)))
  shift = jnp.broadcast_to(shift, (x.shape[0], 2))[:, None]
  offsets = jnp.einsum(
    "bij,bpj->bpi", inverses, points - middle - shift, precision="highest"
  )
  return offsets + middle


def of_points(maps: Callable[..., tuple[Array, Array | float]]) -> PointMap:
  """Makes the map of points of affine maps about the center.

  Args:
    maps: `(keys, x, severity, **options) -> (matrices, shift)`, the arguments
      of `about_center`.
  """

  def moved(
    keys: Key, x: Array, severity: int | Array, points: Array, **options: Any
  ) -> Array:
    return moved_points(points, x, *maps(keys, x, severity, **options))

  return moved


def read(x: Array, places: Array) -> Array:
  """Samples x bilinearly at arbitrary positions; values outside are 0.

  Args:
    x: images `[B, H, W, C]`.
    places: columns and rows to read at, `[B, 2, H, W]`, in pixels.

  Returns:
    Images like x.
  """
  of_plane = lambda plane, place: map_coordinates(plane, place[::-1], 1)
  of_image = jax.vmap(of_plane, in_axes=(-1, None), out_axes=-1)
  return jax.vmap(of_image)(x, places)


def signs(keys: Key, shape: tuple[int, ...] = ()) -> Array:
  """Draws independent random signs, -1 or 1, `[B, *shape]`."""
  return 2.0 * random.below(keys, shape, 2) - 1.0
