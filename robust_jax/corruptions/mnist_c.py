"""The corruptions that MNIST-C adds to those of ImageNet-C."""

import itertools

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import (
  _canny,
  _lines,
  _matrices,
  affine_maps,
  constants,
  random,
)
from robust_jax.corruptions.base import corruption
from robust_jax.types import Array, Key


@corruption
def identity(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """x, truncated to 8 bits as the results of all corruptions are.

  Arguments and result as `base.corruption` says; all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C).
  """
  del keys, severity, size
  return x


_ROTATE_RADIANS = {28: (0.2, 0.4, 0.6, 0.8, 1.0)}


@corruption
def rotate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A rotation to one side or the other about the center; corners are black.

  Arguments and result as `base.corruption` says.

  Source: Mu and Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer
  Vision", severity 2.
  """
  angle = constants.pick(constants.rows(_ROTATE_RADIANS, x, size), severity)
  cos, sin = jnp.cos(angle), jnp.sin(angle) * draw_rotate(keys, x)
  cos = jnp.broadcast_to(cos, sin.shape)
  rows = jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)
  return affine_maps.about_center(x, jnp.stack(rows, axis=-2))


def draw_rotate(keys: Key, x: Array) -> Array:
  """To which side, `[B]`: -1 or 1."""
  del x
  return affine_maps.signs(keys)


_SHARE = {28: (0.9, 0.8, 0.7, 0.6, 0.5)}


@corruption
def scale(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Reduced to a fraction of height and width, black around it.

  Arguments and result as `base.corruption` says; nothing is random.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 3.
  """
  del keys
  fraction = constants.pick(constants.rows(_SHARE, x, size), severity)
  return affine_maps.about_center(x, jnp.eye(2) / fraction)


_SHEAR_RADIANS = {28: (0.2, 0.4, 0.6, 0.8, 1.0)}


@corruption
def shear(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """The vertical leans to one side or the other by an angle; corners are black.

  Arguments and result as `base.corruption` says. Verticals keep their
  length: leaning, they get lower.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 2.
  """
  angle = constants.pick(constants.rows(_SHEAR_RADIANS, x, size), severity)
  cos, sin = jnp.cos(angle), jnp.sin(angle) * draw_shear(keys, x)
  one, nothing = jnp.ones_like(sin), jnp.zeros_like(sin)
  rows = jnp.stack([one, -sin], -1), jnp.stack([nothing, cos * one], -1)
  return affine_maps.about_center(x, jnp.stack(rows, axis=-2))


def draw_shear(keys: Key, x: Array) -> Array:
  """To which side, `[B]`: -1 or 1."""
  del x
  return affine_maps.signs(keys)


_SIZE = 28  # the pixels that the following are of
_PIXELS = {_SIZE: (1, 2, 3, 4, 5)}


@corruption
def translate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Moved along both axes, to either side of each; black comes in.

  By whole pixels of an image of 28, and as large a fraction of others, between
  their pixels where it must be. Arguments and result as `base.corruption`
  says.

  Source: Mu and Gilmer 2019 (MNIST-C), severity 3.
  """
  pixels = constants.pick(constants.rows(_PIXELS, x, size), severity)
  sizes = jnp.array([x.shape[2], x.shape[1]], jnp.float32)
  shift = pixels * sizes / _SIZE * draw_translate(keys, x)
  return affine_maps.about_center(x, jnp.eye(2), shift)


def draw_translate(keys: Key, x: Array) -> Array:
  """To which sides of the axes, `[B, 2]`: -1 or 1."""
  del x
  return affine_maps.signs(keys, (2,))


@corruption
def stripe(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """The left and the right quarter are inverted, the middle stays.

  Arguments and result as `base.corruption` says; nothing is random, and
  all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C).
  """
  del keys, severity, size
  column, width = np.arange(x.shape[2])[:, None], x.shape[2]
  inside = (4 * column >= width) & (4 * column < 3 * width)
  return jnp.where(inside, x, 1 - x)


@corruption
def dotted_line(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A white line from the left to the right edge, its height at both random.

  Every other two columns of it are drawn, in the coordinates of a 28-pixel
  image stretched over this one. Arguments and result as `base.corruption`
  says; all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C).
  """
  del severity, size
  left, right = draw_dotted_line(keys, x)
  edges = jnp.zeros_like(left), jnp.full_like(left, _lines.LAST)
  light = _lines.line(x, (left, edges[0]), (right, edges[1]))
  _, columns = _lines.coordinates(x)
  return x + jnp.where(columns // 2 % 2 == 1, light, 0.0)[..., None]


def draw_dotted_line(keys: Key, x: Array) -> tuple[Array, Array]:
  """The rows of the ends, `[B]` each: whole numbers from 0 to 26."""
  del x
  rows = random.below(keys, (2,), _lines.LAST).astype(jnp.float32)
  return rows[:, 0], rows[:, 1]


_FIRST, _END = 2, 25  # columns
_STEP = 2.0  # length and height of half a tooth
_TEETH = 6


@corruption
def zigzag(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """White teeth along a line of random height, which falls or rises a little.

  In the coordinates of a 28-pixel image stretched over this one. Arguments and
  result as `base.corruption` says; all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C). Deviation: the published code adds teeth
  in [0, 1] to an image in 0..255 and cuts at 1, by which every pixel that is
  not black would turn white; here the image keeps its grays.
  """
  del severity, size
  row, rise = draw_zigzag(keys, x)
  angle = jnp.arctan2(rise, _END - _FIRST)
  length = (_END - _FIRST) / jnp.cos(angle)
  points = [(jnp.zeros_like(row), jnp.zeros_like(row))]
  for i in range(_TEETH):
    along = jnp.full_like(row, (2 * i + 1) * _STEP)
    points.append((along, jnp.full_like(row, _STEP * (-1) ** i)))
  # The rest, after five whole teeth, ends close to the line.
  rest = length - 2 * _STEP * (_TEETH - 1)
  points.append((length, points[-1][1] / (2 * rest)))
  turned = [
    (
      row + jnp.sin(angle) * along + jnp.cos(angle) * aside,
      _FIRST + jnp.cos(angle) * along - jnp.sin(angle) * aside,
    )
    for along, aside in points
  ]
  for start, end in itertools.pairwise(turned):
    x = jnp.minimum(x + _lines.line(x, start, end)[..., None], 1.0)
  return x


def draw_zigzag(keys: Key, x: Array) -> tuple[Array, Array]:
  """The row of its start, 0 to 26, and its rise, -5 to 4; `[B]` each."""
  del x
  row = random.below(keys, (), _lines.LAST).astype(jnp.float32)
  rise = random.below(keys, (), 10, stream=1).astype(jnp.float32) - 5
  return row, rise


_SIGMA = 1.0
_LOW, _HIGH = 0.1, 0.2
_LUMA = np.array([0.2125, 0.7154, 0.0721], np.float32)


@corruption
def canny_edges(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """White edges on black, by Canny's detector as scikit-image's defaults are.

  Of color images, the edges of the luma, in all channels. Arguments and result
  as `base.corruption` says; nothing is random, and all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C); Canny 1986.
  """
  del keys, severity, size
  gray = x[..., 0] if x.shape[-1] == 1 else (x * _LUMA).sum(-1)
  gray = _matrices.both_sides(
    gray[..., None], *(_smoothing(n) for n in x.shape[1:3])
  )[..., 0]
  down, right = _canny.sobel(gray, "symmetric")
  steepness = jnp.hypot(down, right)
  inside = np.zeros(x.shape[1:3], bool)
  inside[1:-1, 1:-1] = True
  thin = inside & (steepness >= _LOW)
  thin &= _canny.as_steep_as_beside(down, right, steepness)
  found = _canny.edges(thin, steepness >= _HIGH)
  return jnp.broadcast_to(found[..., None], x.shape).astype(jnp.float32)


def _smoothing(n: int) -> np.ndarray:
  """`[n, n]`: a Gaussian, truncated to the image and normalized there."""
  offset = np.arange(n)[:, None] - np.arange(n)
  weights = np.exp(-0.5 * (offset / _SIGMA) ** 2) * (np.abs(offset) <= 4)
  return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
