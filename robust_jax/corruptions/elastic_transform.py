"""Elastic distortion: a random affine map and a smooth displacement."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.ndimage import map_coordinates

from robust_jax.corruptions import constants, matrices, random
from robust_jax.corruptions.base import corruption
from robust_jax.types import Array, Key

# Amplitude and smoothness of the displacement and jitter of three points, in
# units of the image size, for which the published code uses 360 and 244.
_ELASTIC_TRANSFORM_IMAGENET = (
  (2, 0.7, 0.1),
  (2, 0.08, 0.2),
  (0.05, 0.01, 0.02),
  (0.07, 0.01, 0.02),
  (0.12, 0.01, 0.02),
)
_ELASTIC = {
  299: np.multiply(_ELASTIC_TRANSFORM_IMAGENET, 360 / 299),
  224: np.multiply(_ELASTIC_TRANSFORM_IMAGENET, 244 / 224),
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


_ITERATIONS = 20


@corruption
def elastic_transform(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Elastic distortion: a random affine map, then a smooth random displacement.

  Both are bilinear. The affine map moves three points around the center by up
  to a jitter in each direction, with the border reflected; the displacement is
  uniform noise, blurred and scaled. All three constants are proportional to the
  shorter side of the image. See `base.corruption` for arguments and result.

  Source: Hendrycks and Dietterich 2019, after Simard et al. 2003.
  Deviation: coordinates of the affine map are not rounded to 1/32 pixel, as
    OpenCV does.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.elastic_transform, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  affine, field = _distortion(keys, x, severity, size)
  x = _read(x, *_affine_places(x, affine), "mirror")
  rows, columns = np.indices(x.shape[1:3])
  return _read(x, rows + field[..., 1], columns + field[..., 0], "reflect")


def elastic_transform_points(
  keys: Key,
  x: Array,
  severity: int | Array,
  points: Array,
  *,
  size: int | None = None,
) -> Array:
  """Returns where `elastic_transform` takes points; see `base.PointMap`.

  A pixel at p shows the point p + field(p), which is solved for p by fixed
  point iteration. Where the field folds the image over, there are several
  solutions, and the result is off by up to the displacement.
  """
  affine, field = _distortion(keys, x, severity, size)
  # Centers of pixels are whole numbers in the field, and halves in points.
  turned = points - 0.5 - affine.before
  placed = affine.after[:, None] + jnp.einsum(
    "bij,bpj->bpi", jnp.linalg.inv(affine.linear), turned, precision="highest"
  )
  planes = jnp.moveaxis(field, -1, 1)
  of_plane = lambda plane, place: map_coordinates(
    plane, [place[:, 1], place[:, 0]], 1, "nearest"
  )
  of_image = jax.vmap(of_plane, in_axes=(0, None), out_axes=-1)
  step = lambda _, place: placed - jax.vmap(of_image)(planes, place)
  return lax.fori_loop(0, _ITERATIONS, step, placed) + 0.5


class _Affine(NamedTuple):
  """Affine maps, `linear @ (place - after) + before` as a pixel reads.

  Attributes:
    linear: `[B, 2, 2]`, on (right, down).
    after: `[B, 2]`, the corner of the triangle in the result.
    before: `[2]`, the same corner in the image.
  """

  linear: Array
  after: Array
  before: np.ndarray


def _distortion(keys, x, severity, size) -> tuple[_Affine, Array]:
  """The affine maps, and the displacements `[B, H, W, 2]` (right, down)."""
  table = constants.rows(_ELASTIC, x, size) * min(x.shape[1:3])
  strength, sigma, jitter = constants.pick(table, severity)
  moved, noise = draw_elastic_transform(keys, x)
  field = strength * matrices.gaussian_blur(
    noise, sigma, table[:, 1].max(), truncate=3.0, border="symmetric"
  )
  return _affine(x, jitter * moved), field


def draw_elastic_transform(keys: Key, x: Array) -> tuple[Array, Array]:
  """Draws uniform numbers in [-1, 1) for the points and for the field.

  Returns:
    Moves of the points `[B, 3, 2]` and displacements `[B, H, W, 2]`. The last
    axis is (right, down).
  """
  points = random.uniform(keys, (3, 2), -1.0, 1.0)
  return points, random.uniform(keys, (*x.shape[1:3], 2), -1.0, 1.0, stream=1)


def _affine(x: Array, moved: Array) -> _Affine:
  """The maps that move three points around the center, `[B, 3, 2]`."""
  height, width = x.shape[1:3]
  center = np.array([width // 2, height // 2], np.float32)
  side = max(min(height, width) // 3, 1)
  points = center + side * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
  now = jnp.add(points, moved)
  # Edges of the triangle as columns, so that before = linear @ after.
  before = np.stack([points[0] - points[1], points[2] - points[1]], axis=1)
  after = jnp.stack([now[:, 0] - now[:, 1], now[:, 2] - now[:, 1]], axis=2)
  (a, b), (c, d) = jnp.moveaxis(after, 0, 2)
  inverse = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
  linear = before @ (inverse / (a * d - b * c)[:, None, None])
  return _Affine(linear, now[:, 1], points[1])


def _affine_places(x: Array, affine: _Affine) -> tuple[Array, Array]:
  """Returns the rows and columns `[B, H, W]` that each pixel is read from."""
  rows, columns = np.indices(x.shape[1:3], np.float32)
  from_corner = jnp.stack([columns, rows]) - affine.after[..., None, None]
  places = jnp.einsum(
    "bij,bjhw->bihw", affine.linear, from_corner, precision="highest"
  )
  right, down = affine.before
  return places[:, 1] + down, places[:, 0] + right


def _read(x: Array, rows: Array, columns: Array, mode: str) -> Array:
  of_plane = lambda plane, r, c: map_coordinates(plane, [r, c], 1, mode)
  of_image = jax.vmap(of_plane, in_axes=(-1, None, None), out_axes=-1)
  return jax.vmap(of_image)(x, rows, columns)
