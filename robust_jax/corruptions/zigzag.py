"""A zigzag across the image."""

import itertools

import jax.numpy as jnp

from robust_jax.corruptions import draws, lines
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_FIRST, _END = 2, 25  # columns
_STEP = 2.0  # length and height of half a tooth
_TEETH = 6


@corruption
def zigzag(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """White teeth along a line of random height, which falls or rises a little.

  In the coordinates of a 28-pixel image stretched over this one. Arguments and
  result as `signature.corruption` says; all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C). Deviation: the published code adds teeth
  in [0, 1] to an image in 0..255 and cuts at 1, by which every pixel that is
  not black would turn white; here the image keeps its greys.
  """
  del severity, size
  row, rise = draw(keys, x)
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
    x = jnp.minimum(x + lines.line(x, start, end)[..., None], 1.0)
  return x


def draw(keys: Key, x: Array) -> tuple[Array, Array]:
  """The row of its start, 0 to 26, and its rise, -5 to 4; `[B]` each."""
  del x
  row = draws.below(keys, (), lines.LAST).astype(jnp.float32)
  rise = draws.below(keys, (), 10, stream=1).astype(jnp.float32) - 5
  return row, rise
