"""Edges, one pixel wide: Canny's detector."""

import functools
import itertools

import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions.matrices import Border
from robust_jax.corruptions.windows import neighbours
from robust_jax.types import Array


def sobel(planes: Array, border: Border) -> tuple[Array, Array]:
  """Derivatives down and to the right of planes `[B, H, W]`, times 8."""
  near = neighbours(planes, border)
  down = near(1, -1) + 2 * near(1, 0) + near(1, 1)
  up = near(-1, -1) + 2 * near(-1, 0) + near(-1, 1)
  right = near(-1, 1) + 2 * near(0, 1) + near(1, 1)
  left = near(-1, -1) + 2 * near(0, -1) + near(1, -1)
  return down - up, right - left


def edges(
  down: Array, right: Array, steepness: Array, weak: Array, strong: Array
) -> Array:
  """Where the edges are, `[B, H, W]` bool.

  An edge is where the image is steep and as steep as on both sides along the
  gradient, and from where a path of such pixels leads to one that is very
  steep. Steepness between pixels is interpolated, as scikit-image does.

  Args:
    down: derivative, `[B, H, W]`.
    right: likewise.
    steepness: length of the gradient, by any norm, `[B, H, W]`.
    weak: where it is steep enough to be an edge, `[B, H, W]` bool.
    strong: where it is steep enough for an edge to start from.

  Source: Canny 1986, "A computational approach to edge detection".
  """
  near = neighbours(steepness, "constant")
  steep, same = jnp.abs(down) > jnp.abs(right), down * right >= 0
  larger = jnp.maximum(jnp.abs(down), jnp.abs(right))
  smaller = jnp.minimum(jnp.abs(down), jnp.abs(right))
  aslant = smaller / jnp.where(larger == 0, 1, larger)
  thin = weak
  for side in (1, -1):
    straight = jnp.where(steep, near(side, 0), near(0, side))
    # Steep: below and to the right or left; flat: to the right and up or down.
    other = jnp.where(steep, near(side, -side), near(-side, side))
    diagonal = jnp.where(same, near(side, side), other)
    beside = straight + aslant * (diagonal - straight)
    thin &= beside <= steepness

  def grown(found):
    around = neighbours(found, "constant")
    places = itertools.product((-1, 0, 1), repeat=2)
    return functools.reduce(jnp.logical_or, (around(*p) for p in places)) & thin

  start = thin & strong
  found, _ = lax.while_loop(
    lambda pair: (pair[0] != pair[1]).any(),
    lambda pair: (grown(pair[0]), pair[0]),
    (grown(start), start),
  )
  return found
