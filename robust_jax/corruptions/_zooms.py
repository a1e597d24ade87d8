"""Enlargement of the center of an image, separably in rows and columns."""

import math

import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array


def places(n: int, zoom: float) -> np.ndarray:
  """Returns the source coordinates `[n]` of an enlarged center of n pixels.

  The middle `ceil(n / zoom)` pixels are stretched `zoom` times, with the first
  and the last pixel mapped to themselves, and trimmed equally at both ends:
  SciPy's `zoom` of order 1 with trimmed ends.
  """
  middle = math.ceil(n / zoom)
  first = (n - middle) // 2
  stretched = round(middle * zoom)
  trimmed = (stretched - n) // 2
  way = (np.arange(n) + trimmed) / max(stretched - 1, 1)
  return first + np.minimum(way, 1.0) * (middle - 1)


def inverse(places: Array, source: Array) -> Array:
  """Returns where source coordinates are in enlarged centers.

  Args:
    places: `[Z, n]`, those of Z centers from `places`, which are affine.
    source: coordinates that broadcast with `[Z]`.
  """
  span = places[:, -1] - places[:, 0]
  zoom = (places.shape[1] - 1) / jnp.where(span > 0, span, 1)
  return (source - places[:, 0]) * zoom


def read(image: Array, rows: Array, columns: Array) -> Array:
  """Samples an image `[H, W, C]` bilinearly at rows `[H']` x columns `[W']`.

  Coordinates are from 0 to the last pixel.
  """
  channels = image.shape[2]
  flat = image.reshape(image.shape[0], -1)
  above, down = _split(rows, image.shape[0])
  flat = _between(flat[above], flat[above + 1], down[:, None])
  left, across = _split(columns, image.shape[1])
  left = (left[:, None] * channels + np.arange(channels)).reshape(-1)
  across = jnp.repeat(across, channels)
  flat = _between(flat[:, left], flat[:, left + channels], across)
  return flat.reshape(len(rows), len(columns), channels)


def _split(places: Array, n: int) -> tuple[Array, Array]:
  """Returns the pixel before each place, and the fraction to the next one."""
  before = jnp.clip(jnp.floor(places).astype(jnp.int32), 0, max(n - 2, 0))
  return before, places - before


def _between(a: Array, b: Array, fraction: Array) -> Array:
  return a + fraction * (b - a)
