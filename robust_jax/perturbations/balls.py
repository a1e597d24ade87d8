"""Projections onto the Lp balls, the box apart; shared by the sets."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import tree
from robust_jax.types import Array

# Relative, of the length; a sum of a thousand floats is no more exact.
_TOLERANCE = 1e-6
# A bound, not a cost: it is over after about ten.
_MAX_STEPS = 64


def onto_linf(theta: Array, eps: Array | float) -> Array:
  """The nearest point with `|theta_i| <= eps`; eps a scalar or `[B]`."""
  radius = tree.expand(eps, theta)
  return jnp.clip(theta, -radius, radius)


def onto_l2(theta: Array, eps: Array | float) -> Array:
  """The nearest point with `||theta||_2 <= eps`; eps a scalar or `[B]`."""
  length = tree.norm(theta, 2)
  scale = jnp.where(length > eps, eps / jnp.maximum(length, 1e-30), 1.0)
  return theta * tree.expand(scale, theta)


def onto_l1(theta: Array, eps: Array | float, room: Array | float) -> Array:
  """The nearest point with `||theta||_1 <= eps` and `|theta_i| <= room_i`.

  By the optimality conditions it is `sign(theta) clip(|theta| - cut, 0, room)`
  with one `cut` for each example, 0 where that is in the ball already. The
  length of that falls piecewise linearly in the cut, so its root is found by
  Newton's method between two bounds, to the precision of float32 and without a
  sort, at which XLA's CPU backend is slow.

  Args:
    theta: `[B, ...]`, finite.
    eps: radius; a scalar or `[B]`.
    room: the most that each coordinate may change in the direction of its
      sign, 0 or more; `[B, ...]`, or a scalar.

  Source: the problem of Croce and Hein 2021, "Mind the box: l1-APGD for sparse
  adversarial attacks on image classifiers", proposition 2.1, whose algorithm
  sorts; this is another one for the same point.
  """
  size = jnp.abs(theta)
  cut = tree.expand(_cut(size, jnp.asarray(eps, jnp.float32), room), theta)
  kept = jnp.clip(size - cut, 0.0, room)
  # What rounding leaves above eps, if anything, is of the order of one ulp.
  length = tree.norm(kept, 1)
  excess = jnp.where(length > eps, eps / jnp.maximum(length, 1e-30), 1.0)
  return jnp.sign(theta) * kept * tree.expand(excess, theta)


class _Bracket(NamedTuple):
  """Per example `[B]`: low <= root <= high; the point, its excess, the last."""

  low: Array
  high: Array
  cut: Array
  excess: Array
  last: Array


def _cut(size: Array, eps: Array, room: Array | float) -> Array:
  """The smallest cut that brings the length down to eps, `[B]`."""

  def length(cut):
    return jnp.clip(size - tree.expand(cut, size), 0.0, room)

  def excess_at(cut):
    return tree.norm(length(cut), 1) - eps

  def is_open(b):
    return jnp.abs(b.excess) > _TOLERANCE * eps

  def step(carry):
    i, b = carry
    over = b.excess > 0
    low, high = jnp.where(over, b.cut, b.low), jnp.where(over, b.high, b.cut)
    kept = length(b.cut)
    slope = tree.norm(((kept > 0) & (kept < room)).astype(jnp.float32), 1)
    newton = b.cut + b.excess / jnp.maximum(slope, 1.0)
    # A piece that ends before the root sends Newton astray: halve instead.
    trusted = (newton >= low) & (newton <= high)
    trusted &= jnp.abs(b.excess) < 0.5 * jnp.abs(b.last)
    cut = jnp.where(trusted, newton, 0.5 * (low + high))
    new = _Bracket(low, high, cut, excess_at(cut), b.excess)
    # An example that is done stays as it is: its neighbours do not matter.
    return i + 1, tree.where(is_open(b), new, b)

  clean = excess_at(jnp.zeros(size.shape[:1]))
  start = _Bracket(
    low=jnp.zeros_like(clean),
    high=tree.norm(size, jnp.inf),
    cut=jnp.zeros_like(clean),
    excess=jnp.maximum(clean, 0.0),
    last=jnp.full_like(clean, jnp.inf),
  )
  _, end = jax.lax.while_loop(
    lambda carry: (carry[0] < _MAX_STEPS) & jnp.any(is_open(carry[1])),
    step,
    (0, start),
  )
  return end.cut
