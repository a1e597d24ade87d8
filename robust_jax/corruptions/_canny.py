"""Canny edge detection as in scikit-image and as in OpenCV."""

import functools
import itertools

import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions.matrices import Border
from robust_jax.corruptions.sliding_windows import neighbors
from robust_jax.types import Array

_TANGENT = 13573  # tan(22.5 degrees) * 2^15


def sobel(planes: Array, border: Border) -> tuple[Array, Array]:
  """Returns Sobel derivatives of planes `[B, H, W]`: down, and to the right.

  They are 8 times the derivatives per pixel.
  """
  near = neighbors(planes, border)
  down = near(1, -1) + 2 * near(1, 0) + near(1, 1)
  up = near(-1, -1) + 2 * near(-1, 0) + near(-1, 1)
  right = near(-1, 1) + 2 * near(0, 1) + near(1, 1)
  left = near(-1, -1) + 2 * near(0, -1) + near(1, -1)
  return down - up, right - left


def edges(thin: Array, strong: Array) -> Array:
  """Hysteresis thresholding: thin pixels that are connected to a strong one.

  Args:
    thin: `[B, H, W]` bool, pixels that remain after non-maximum suppression and
      the low threshold.
    strong: `[B, H, W]` bool, pixels above the high threshold.

  Returns:
    `[B, H, W]` bool: pixels of `thin` with an 8-connected path through `thin`
    to a pixel that is strong as well.

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
  """Non-maximum suppression with interpolated neighbors, as in scikit-image.

  Args:
    down: derivative down, `[B, H, W]`.
    right: derivative to the right, `[B, H, W]`.
    steepness: magnitude of the gradient in any norm, `[B, H, W]`.

  Returns:
    `[B, H, W]` bool: pixels whose magnitude is at least that on both sides
    along the gradient.
  """
  near = neighbors(steepness, "constant")
  steep, same = jnp.abs(down) > jnp.abs(right), down * right >= 0
  larger = jnp.maximum(jnp.abs(down), jnp.abs(right))
  smaller = jnp.minimum(jnp.abs(down), jnp.abs(right))
  aslant = smaller / jnp.where(larger == 0, 1, larger)
  thin = jnp.ones_like(steep)
  for side in (1, -1):
    straight = jnp.where(steep, near(side, 0), near(0, side))
    # Steep: down and to the right or left. Flat: to the right and up or down.
    other = jnp.where(steep, near(side, -side), near(-side, side))
    diagonal = jnp.where(same, near(side, side), other)
    beside = straight + aslant * (diagonal - straight)
    thin &= beside <= steepness
  return thin


def steeper_than_beside(down: Array, right: Array) -> Array:
  """Non-maximum suppression by directions rounded to 45 degrees, as OpenCV.

  The magnitude is the sum of the absolute derivatives. It has to be larger than
  on one side and at least as large as on the other; on diagonals, larger than
  on both. So an edge two pixels wide becomes one pixel wide, and a drop of 2 x
  2 pixels has no edge.

  Args:
    down: derivative down, of whole levels up to 255, `[B, H, W]`.
    right: derivative to the right, likewise.

  Returns:
    `[B, H, W]` bool: pixels that remain.
  """
  down, right = down.astype(jnp.int32), right.astype(jnp.int32)
  steepness = jnp.abs(down) + jnp.abs(right)
  near = neighbors(steepness, "constant")
  y, low = jnp.abs(down) << 15, jnp.abs(right) * _TANGENT
  high = low + (jnp.abs(right) << 16)  # tan(67.5 degrees) is 2 more
  across = (steepness > near(0, -1)) & (steepness >= near(0, 1))
  along = (steepness > near(-1, 0)) & (steepness >= near(1, 0))
  falling = (steepness > near(-1, -1)) & (steepness > near(1, 1))
  rising = (steepness > near(-1, 1)) & (steepness > near(1, -1))
  aslant = jnp.where((down < 0) == (right < 0), falling, rising)
  return jnp.where(y < low, across, jnp.where(y > high, along, aslant))
