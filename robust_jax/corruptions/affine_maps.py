"""Affine maps about the center of an image; values outside are black."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from robust_jax.corruptions import random
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
