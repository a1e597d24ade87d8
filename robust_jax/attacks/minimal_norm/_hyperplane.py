"""Projection onto a hyperplane within the box [0, 1], per example."""

import jax.numpy as jnp

from robust_jax.perturbations.water_filling import fill_in_order, water_level
from robust_jax.types import Array, Norm


def to_hyperplane(x: Array, w: Array, gap: Array, norm: Norm) -> Array:
  """The shortest d with `<w, d> = gap` and x + d in [0, 1].

  If no such d exists, the d that comes nearest to it, a corner of the box.

  Args:
    x: points in the box, `[..., n]`.
    w: normals `[..., n]`, which may have fewer leading axes; a zero row gives d
      = 0.
    gap: `[...]` like x; `b - <w, x>` for the hyperplane `<w, .> = b`.
    norm: norm of d, "linf", "l2" or "l1".

  Returns:
    d `[..., n]`.

  Source: Croce and Hein 2020, "Minimally distorted Adversarial Examples with a
  Fast Adaptive Boundary Attack", section 2 and appendix A.

  Deviation: the same points, found without a sort: each coordinate moves in one
  direction only, by an amount that grows with a multiplier (in L1, coordinates
  with the largest slope first).
  """
  slope, sign = jnp.abs(w), jnp.sign(w)
  sign = jnp.where((gap < 0)[..., None], -sign, sign)
  gap = jnp.abs(gap)
  room = jnp.where(sign > 0, 1 - x, x)
  if norm == "l1":
    slope = jnp.broadcast_to(slope, room.shape)
    size = room * fill_in_order(slope, slope * room, gap)
  else:
    speed = slope if norm == "l2" else jnp.where(slope > 0, 1.0, 0.0)
    multiplier = water_level(slope * speed, slope * room, gap)
    size = jnp.minimum(multiplier[..., None] * speed, room)
  return sign * size
