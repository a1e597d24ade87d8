"""Enlarged middles of images, row for row and column for column."""

import math

import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array


def places(n: int, zoom: float) -> np.ndarray:
  """`[n]`: where in n pixels each pixel of their enlarged middle comes from.

  The middle `ceil(n / zoom)` pixels are stretched `zoom` times, the first and
  the last pixel onto the first and the last, and as much is cut off at both
  ends as is too much: SciPy's `zoom` of order 1 with its ends trimmed.
  """
  middle = math.ceil(n / zoom)
  first = (n - middle) // 2
  stretched = round(middle * zoom)
  trimmed = (stretched - n) // 2
  way = (np.arange(n) + trimmed) / max(stretched - 1, 1)
  return first + np.minimum(way, 1.0) * (middle - 1)


def read(image: Array, rows: Array, columns: Array) -> Array:
  """image `[H, W, C]` between its pixels, at rows `[H']` x columns `[W']`.

  Bilinear. Places are from 0 to the last pixel.
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
  """The pixel before each place, not the last one, and the way to the next."""
  before = jnp.clip(jnp.floor(places).astype(jnp.int32), 0, max(n - 2, 0))
  return before, places - before


def _between(a: Array, b: Array, fraction: Array) -> Array:
  return a + fraction * (b - a)
