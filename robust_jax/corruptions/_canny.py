"""Edges, one pixel wide: Canny's detector, in two libraries' ways."""

import functools
import itertools

import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions._matrices import Border
from robust_jax.corruptions.sliding_windows import neighbors
from robust_jax.types import Array

_TANGENT = 13573  # of 22.5 degrees, times 2^15


def sobel(planes: Array, border: Border) -> tuple[Array, Array]:
  """Derivatives down and to the right of planes `[B, H, W]`, times 8."""
  near = neighbors(planes, border)
  down = near(1, -1) + 2 * near(1, 0) + near(1, 1)
  up = near(-1, -1) + 2 * near(-1, 0) + near(-1, 1)
  right = near(-1, 1) + 2 * near(0, 1) + near(1, 1)
  left = near(-1, -1) + 2 * near(0, -1) + near(1, -1)
  return down - up, right - left


def edges(thin: Array, strong: Array) -> Array:
  """Where the edges are, `[B, H, W]` bool.

  An edge is where it is thin, and from where a path of such pixels leads to one
  that is strong.

  Args:
    thin: where the image is steep, and steeper than beside, `[B, H, W]` bool.
    strong: where it is steep enough for an edge to start from.

  Source: Canny 1986, "A computational approach to edge detection".
  """

  def grown(found):
    around = neighbors(found, "constant")
    places = itertools.product((-1, 0, 1), repeat=2)
    return functools.reduce(jnp.logical_or, (around(*p) for p in places)) & thin

  start = thin & strong
  found, _ = lax.while_loop(
    lambda pair: (pair[0] != pair[1]).any(),
    lambda pair: (grown(pair[0]), pair[0]),
    (grown(start), start),
  )
  return found


def as_steep_as_beside(down: Array, right: Array, steepness: Array) -> Array:
  """Where it is at least as steep as on both sides along the gradient.

  Steepness between pixels is interpolated, as scikit-image does.

  Args:
    down: derivative, `[B, H, W]`.
    right: likewise.
    steepness: length of the gradient, by any norm.
  """
  near = neighbors(steepness, "constant")
  steep, same = jnp.abs(down) > jnp.abs(right), down * right >= 0
  larger = jnp.maximum(jnp.abs(down), jnp.abs(right))
  smaller = jnp.minimum(jnp.abs(down), jnp.abs(right))
  aslant = smaller / jnp.where(larger == 0, 1, larger)
  thin = jnp.ones_like(steep)
  for side in (1, -1):
    straight = jnp.where(steep, near(side, 0), near(0, side))
    # Steep: below and to the right or left; flat: to the right and up or down.
    other = jnp.where(steep, near(side, -side), near(-side, side))
    diagonal = jnp.where(same, near(side, side), other)
    beside = straight + aslant * (diagonal - straight)
    thin &= beside <= steepness
  return thin


def steeper_than_beside(down: Array, right: Array) -> Array:
  """Where it is steeper than beside, with directions rounded to 45 degrees.

  As OpenCV does: the steepness is the sum of both derivatives, and has to be
  larger than on one side and as large as on the other, of diagonals larger than
  on both. An edge of two pixels' width is one pixel wide here, and a drop of
  2 x 2 pixels has none.

  Args:
    down: derivative of whole levels up to 255, `[B, H, W]`.
    right: likewise.
  """
  down, right = down.astype(jnp.int32), right.astype(jnp.int32)
  steepness = jnp.abs(down) + jnp.abs(right)
  near = neighbors(steepness, "constant")
  y, low = jnp.abs(down) << 15, jnp.abs(right) * _TANGENT
  high = low + (jnp.abs(right) << 16)  # the tangent of 67.5 degrees is 2 more
  across = (steepness > near(0, -1)) & (steepness >= near(0, 1))
  along = (steepness > near(-1, 0)) & (steepness >= near(1, 0))
  falling = (steepness > near(-1, -1)) & (steepness > near(1, 1))
  rising = (steepness > near(-1, 1)) & (steepness > near(1, -1))
  aslant = jnp.where((down < 0) == (right < 0), falling, rising)
  return jnp.where(y < low, across, jnp.where(y > high, along, aslant))
