"""A camera that zooms in, or moves forward, while it sees."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import constants, zooms
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

# Last zoom and step. Zooms are what arange makes of them in float64: 1.11 is
# among the first ones, the last of the others is not.
_IMAGENET = (
  (1.11, 0.01),
  (1.16, 0.01),
  (1.21, 0.02),
  (1.26, 0.02),
  (1.31, 0.03),
)
_SMALL = ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01))
_ZOOMS = {299: _IMAGENET, 224: _IMAGENET, 64: _SMALL, 32: _SMALL}


@corruption
def zoom_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """The mean of the image and of its middle, enlarged more and more.

  Arguments and result as `signature.corruption` says; nothing is random.

  Source: Hendrycks and Dietterich 2019.
  """
  del keys
  zoom_sets = [
    np.arange(1, *bounds) for bounds in constants.rows(_ZOOMS, x, size)
  ]
  rows, columns = (_places(n, zoom_sets) for n in x.shape[1:3])
  rows, columns = (constants.pick(t, severity) for t in (rows, columns))
  count = jnp.array([len(zoom_set) for zoom_set in zoom_sets])[severity - 1]

  def one(image):
    add = lambda i, total: total + zooms.read(image, rows[i], columns[i])
    return lax.fori_loop(0, count, add, image) / (count + 1)

  # Image by image: one stays in the cache for all of its zooms.
  return lax.map(one, x)


def _places(n: int, zoom_sets: list[np.ndarray]) -> np.ndarray:
  """`[5, zooms, n]`, filled up with zeros."""
  most = max(map(len, zoom_sets))
  table = np.zeros((len(zoom_sets), most, n))
  for row, zoom_set in zip(table, zoom_sets, strict=True):
    row[: len(zoom_set)] = [zooms.places(n, zoom) for zoom in zoom_set]
  return table
