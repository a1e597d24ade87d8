"""Seen through a moving surface: stretched here and contracted there."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from robust_jax.corruptions import constants, draws, matrices
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

# Displacement, its smoothness and the jitter of three points, in units of the
# image size; and what the published code takes for that size.
_IMAGENET = (
  (2, 0.7, 0.1),
  (2, 0.08, 0.2),
  (0.05, 0.01, 0.02),
  (0.07, 0.01, 0.02),
  (0.12, 0.01, 0.02),
)
_ELASTIC = {
  299: np.multiply(_IMAGENET, 360 / 299),
  224: np.multiply(_IMAGENET, 244 / 224),
  64: (
    (0, 0, 0.08),
    (0.05, 0.3, 0.06),
    (0.1, 0.08, 0.06),
    (0.1, 0.03, 0.03),
    (0.16, 0.03, 0.02),
  ),
  32: (
    (0, 0, 0.08),
    (0.05, 0.2, 0.07),
    (0.08, 0.06, 0.06),
    (0.1, 0.04, 0.05),
    (0.1, 0.03, 0.03),
  ),
}


@corruption
def elastic_transform(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A random affine map, then a smooth random displacement of each pixel.

  Both bilinear. The affine map moves three points of the middle by up to a
  jitter in each direction, the border a mirror; the displacement is uniform
  noise, blurred and scaled. All three grow with the shorter side of the image.
  Arguments and result as `signature.corruption` says.

  Source: Hendrycks and Dietterich 2019, after Simard et al. 2003. Deviation:
  places are not rounded to 1/32 pixel, as OpenCV does in the affine map.
  """
  table = constants.rows(_ELASTIC, x, size) * min(x.shape[1:3])
  strength, sigma, jitter = constants.pick(table, severity)
  moved, noise = draw(keys, x)
  x = _read(x, *_affine_places(x, jitter * moved), "mirror")
  field = strength * matrices.gaussian_blur(
    noise, sigma, table[:, 1].max(), truncate=3.0, border="symmetric"
  )
  rows, columns = np.indices(x.shape[1:3])
  return _read(x, rows + field[..., 1], columns + field[..., 0], "reflect")


def draw(keys: Key, x: Array) -> tuple[Array, Array]:
  """Uniform in [-1, 1): of the points `[B, 3, 2]`, of the field `[B, H, W, 2]`.

  The last axis is the way to the right, and down.
  """
  points = draws.uniform(keys, (3, 2), -1.0, 1.0)
  return points, draws.uniform(keys, (*x.shape[1:3], 2), -1.0, 1.0, stream=1)


def _affine_places(x: Array, moved: Array) -> tuple[Array, Array]:
  """Rows and columns `[B, H, W]` that the map takes to each pixel."""
  height, width = x.shape[1:3]
  centre = np.array([width // 2, height // 2], np.float32)
  side = max(min(height, width) // 3, 1)
  points = centre + side * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
  now = points + moved
  # Edges of the triangle as columns: before = linear @ after.
  before = np.stack([points[0] - points[1], points[2] - points[1]], axis=1)
  after = jnp.stack([now[:, 0] - now[:, 1], now[:, 2] - now[:, 1]], axis=2)
  (a, b), (c, d) = jnp.moveaxis(after, 0, 2)
  inverse = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
  linear = before @ (inverse / (a * d - b * c)[:, None, None])
  rows, columns = np.indices((height, width), np.float32)
  from_corner = jnp.stack([columns, rows]) - now[:, 1, :, None, None]
  places = jnp.einsum(
    "bij,bjhw->bihw", linear, from_corner, precision="highest"
  )
  return places[:, 1] + points[1, 1], places[:, 0] + points[1, 0]


def _read(x: Array, rows: Array, columns: Array, mode: str) -> Array:
  of_plane = lambda plane, r, c: map_coordinates(plane, [r, c], 1, mode)
  of_image = jax.vmap(of_plane, in_axes=(-1, None, None), out_axes=-1)
  return jax.vmap(of_image)(x, rows, columns)
