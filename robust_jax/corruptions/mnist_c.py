"""Corruptions of MNIST-C that are not part of ImageNet-C."""

import itertools

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import (
  _canny,
  _lines,
  matrices,
  random,
)
from robust_jax.corruptions.base import corruption
from robust_jax.types import Array, Key


@corruption
def identity(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Identity: returns x, truncated to 8 bits like the result of any corruption.

  See `base.corruption` for arguments and result. Deterministic, and the same at
  all severities.

  Source: Mu and Gilmer 2019 (MNIST-C).

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> y = corruptions.identity(keys, jax.numpy.full((1, 1, 1, 1), 0.5), 1)
    >>> round(255 * y.item())
    127
  """
  del keys, severity, size
  return x


@corruption
def stripe(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Inverts the left and the right quarter of the image.

  See `base.corruption` for arguments and result. Deterministic, and the same at
  all severities.

  Source: Mu and Gilmer 2019 (MNIST-C).

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> y = jax.jit(corruptions.stripe)(keys, jax.numpy.zeros((1, 1, 4, 1)), 1)
    >>> y.ravel().tolist()
    [1.0, 0.0, 0.0, 1.0]
  """
  del keys, severity, size
  column, width = np.arange(x.shape[2])[:, None], x.shape[2]
  inside = (4 * column >= width) & (4 * column < 3 * width)
  return jnp.where(inside, x, 1 - x)


@corruption
def dotted_line(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Draws a dotted white line between random heights of both edges.

  Two of every four columns of the line are drawn, in the coordinates of a
  28-pixel image scaled to the size of x. See `base.corruption` for arguments
  and result. All severities are the same.

  Source: Mu and Gilmer 2019 (MNIST-C).

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.dotted_line, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  del severity, size
  left, right = draw_dotted_line(keys, x)
  edges = jnp.zeros_like(left), jnp.full_like(left, _lines.LAST)
  light = _lines.line(x, (left, edges[0]), (right, edges[1]))
  _, columns = _lines.coordinates(x)
  return x + jnp.where(columns // 2 % 2 == 1, light, 0.0)[..., None]


def draw_dotted_line(keys: Key, x: Array) -> tuple[Array, Array]:
  """Draws the rows of both ends, `[B]` each: whole numbers from 0 to 26."""
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
  """Draws a white zigzag along a line of random height and slope.

  The coordinates are those of a 28-pixel image scaled to the size of x. See
  `base.corruption` for arguments and result. All severities are the same.

  Source: Mu and Gilmer 2019 (MNIST-C).
  Deviation: the published code adds a line in [0, 1] to an image in 0..255 and
    clips at 1, by which every pixel that is not black would become white; here
    the image keeps its gray levels.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.zigzag, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  del severity, size
  row, rise = draw_zigzag(keys, x)
  angle = jnp.arctan2(rise, _END - _FIRST)
  length = (_END - _FIRST) / jnp.cos(angle)
  points = [(jnp.zeros_like(row), jnp.zeros_like(row))]
  for i in range(_TEETH):
    along = jnp.full_like(row, (2 * i + 1) * _STEP)
    points.append((along, jnp.full_like(row, _STEP * (-1) ** i)))
  # The remainder after five whole teeth ends close to the line.
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
  """Draws the first row, 0 to 26, and the rise, -5 to 4; `[B]` each."""
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
  """White edges on black: Canny's detector with scikit-image's defaults.

  For RGB images the edges are those of the luma, in all channels. See
  `base.corruption` for arguments and result. Deterministic, and the same at all
  severities.

  Source: Mu and Gilmer 2019 (MNIST-C); Canny 1986.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.canny_edges, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  del keys, severity, size
  gray = x[..., 0] if x.shape[-1] == 1 else (x * _LUMA).sum(-1)
  gray = matrices.both_sides(
    gray[..., None], _smoothing(x.shape[1]), _smoothing(x.shape[2])
  )[..., 0]
  down, right = _canny.sobel(gray, "symmetric")
  steepness = jnp.hypot(down, right)
  inside = np.zeros(x.shape[1:3], bool)
  inside[1:-1, 1:-1] = True
  thin = (steepness >= _LOW) & inside
  thin &= _canny.as_steep_as_beside(down, right, steepness)
  found = _canny.edges(thin, steepness >= _HIGH)
  return jnp.broadcast_to(found[..., None], x.shape).astype(jnp.float32)


def _smoothing(n: int) -> Array:
  """Returns a Gaussian filter `[n, n]`, normalized within the image."""
  offset = np.arange(n)[:, None] - np.arange(n)
  weights = np.exp(-0.5 * (offset / _SIGMA) ** 2) * (np.abs(offset) <= 4)
  return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
