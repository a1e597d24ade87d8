"""Affine maps about the middle of an image, black coming in from outside."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from robust_jax.corruptions import random
from robust_jax.types import Array, Key


def about_center(
  x: Array, matrices: Array, shift: Array | float = 0.0
) -> Array:
  """Each pixel of the result is read at its offset, times a matrix, plus shift.

  Offsets are (to the right, down) from the center. Bilinear; outside is 0.

  Args:
    x: `[B, H, W, C]`.
    matrices: `[B, 2, 2]`, or one `[2, 2]` for all.
    shift: `[B, 2]`, in pixels.
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
  """x `[B, H, W, C]` at places `[B, 2, H, W]`, columns and rows; outside is 0.

  Bilinear.
  """
  of_plane = lambda plane, place: map_coordinates(plane, place[::-1], 1)
  of_image = jax.vmap(of_plane, in_axes=(-1, None), out_axes=-1)
  return jax.vmap(of_image)(x, places)


def signs(keys: Key, shape: tuple[int, ...] = ()) -> Array:
  """`[B, *shape]`, -1 or 1."""
  return 2.0 * random.below(keys, shape, 2) - 1.0
