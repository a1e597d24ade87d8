"""Projections onto the Lp balls, shared by the sets.

A box constraint enters as `room`: the largest change of each coordinate.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import tree
from robust_jax.perturbations.water_filling import fill_in_order, water_level
from robust_jax.types import Array, Norm

# Relative to the norm; a sum of a thousand floats is no more exact.
_TOLERANCE = 1e-6
# An upper bound; about ten steps suffice.
_MAX_STEPS = 64


def onto_ball(delta: Array, eps: Array | float, norm: Norm) -> Array:
  """The nearest point with `||delta|| <= eps`, norm "linf", "l2" or "l1"."""
  if norm == "l1":
    return onto_l1(delta, eps, jnp.inf)
  return {"linf": onto_linf, "l2": onto_l2}[norm](delta, eps)


def onto_linf(delta: Array, eps: Array | float) -> Array:
  """The nearest point with `|delta_i| <= eps`; eps is a scalar or `[B]`."""
  radius = tree.expand(eps, delta)
  return jnp.clip(delta, -radius, radius)


def onto_l2(
  delta: Array, eps: Array | float, room: Array | float = jnp.inf
) -> Array:
  """The nearest point with `||delta||_2 <= eps` and `|delta_i| <= room_i`.

  By the optimality conditions it is a multiple of delta, clipped to the room.
  The multiple is 1 if that is in the ball, otherwise the one whose clipped
  length is eps.

  Args:
    delta: `[B, ...]`, finite, of any size.
    eps: radius; a scalar or `[B]`.
    room: as for `onto_l1`.
  """
  unit, length = _l2_multiple(delta, eps, room)
  longer = tree.norm(delta, "linf") > length
  delta = tree.where(longer, unit * tree.expand(length, unit), delta)
  return jnp.clip(delta, -room, room)


def along_l2(
  direction: Array, eps: Array | float, room: Array | float
) -> Array:
  """The multiple of a direction that has length eps when clipped to the room.

  Clipped, it maximizes `<direction, delta>` over ball and room. No coordinate
  exceeds eps; if the whole room is shorter than eps, each coordinate is 0 or
  eps.

  Args:
    direction: `[B, ...]`, finite.
    eps: radius; a scalar or `[B]`.
    room: as for `onto_l1`.
  """
  unit, length = _l2_multiple(direction, eps, room)
  radius = tree.expand(eps, unit)
  return jnp.clip(unit * tree.expand(length, unit), -radius, radius)


def _l2_multiple(delta, eps, room) -> tuple[Array, Array]:
  """delta over its largest entry, and the factor that gives it length eps."""
  # Scaled by the largest entry: squares underflow and overflow.
  largest = jax.lax.stop_gradient(tree.norm(delta, "linf"))
  unit = delta / tree.expand(jnp.where(largest > 0, largest, 1.0), delta)
  eps = jnp.broadcast_to(jnp.asarray(eps, jnp.float32), delta.shape[:1])
  room = jnp.minimum(room, jnp.broadcast_to(tree.expand(eps, unit), unit.shape))
  radius = jnp.minimum(eps, tree.norm(room, "l2"))
  radius = jnp.where(radius > 0, radius, 1.0)
  limit = room / tree.expand(radius, room)
  squares = [jnp.square(v).reshape(len(v), -1) for v in (unit, limit)]
  return unit, radius * jnp.sqrt(water_level(*squares, jnp.ones_like(radius)))


def onto_l1(delta: Array, eps: Array | float, room: Array | float) -> Array:
  """The nearest point with `||delta||_1 <= eps` and `|delta_i| <= room_i`.

  By the optimality conditions it is

      sign(delta) clip(|delta| - cut, 0, room)

  with one number `cut` per example, which is 0 if that point is in the ball.
  The L1 norm falls piecewise linearly in the cut, so its root is found by
  Newton's method between two bounds, to the precision of float32, without a
  sort, which is slow on XLA's CPU backend. Forward and reverse derivatives are
  those of the optimality conditions (implicit differentiation).

  Args:
    delta: `[B, ...]`, finite, of any size.
    eps: radius; a scalar or `[B]`.
    room: largest change of each coordinate in the direction of its sign, 0 or
      more; `[B, ...]` or a scalar.

  Source: the problem of Croce and Hein 2021, "Mind the box: l1-APGD for sparse
  adversarial attacks on image classifiers", proposition 2.1.

  Deviation: their algorithm sorts; this one finds the same point by root
  finding.
  """
  eps = jnp.broadcast_to(jnp.asarray(eps, jnp.float32), delta.shape[:1])
  room = jnp.broadcast_to(jnp.asarray(room, jnp.float32), delta.shape)
  return jnp.sign(delta) * _shortened(jnp.abs(delta), eps, room)


@jax.custom_jvp
def _shortened(size: Array, eps: Array, room: Array) -> Array:
  """`clip(size - cut, 0, room)` of L1 norm eps, or less where the cut is 0."""

  def kept_at(cut):
    return jnp.clip(size - tree.expand(cut, size), 0.0, room)

  end = _cut(size, eps, room)
  # For large sizes the cut is coarse: eps lies between the norms at two
  # neighboring floats, and the point is interpolated likewise.
  long, short = kept_at(end.low), kept_at(end.high)
  gap = tree.norm(long, "l1") - tree.norm(short, "l1")
  fraction = (eps - tree.norm(short, "l1")) / jnp.where(gap > 0, gap, 1.0)
  between = tree.add(short, jnp.clip(fraction, 0.0, 1.0), long - short)
  kept = tree.where(_is_open(end, eps), between, kept_at(end.cut))
  # Rounding may exceed eps by about one ulp.
  length = tree.norm(kept, "l1")
  excess = jnp.where(length > eps, eps / jnp.where(length > 0, length, 1.0), 1)
  return kept * tree.expand(excess, kept)


@_shortened.defjvp
def _shortened_jvp(primals, tangents):
  size, eps, room = primals
  size_dot, eps_dot, room_dot = tangents
  kept = _shortened(size, eps, room)
  full = (kept >= room) & (kept > 0)
  free = ((kept > 0) & ~full).astype(jnp.float32)
  moved = jnp.where(full, room_dot, free * size_dot)
  # The cut moves such that the norm remains eps.
  is_cut = tree.norm(jnp.minimum(size, room), "l1") > eps
  cut_dot = tree.dot(jnp.ones_like(moved), moved) - eps_dot
  cut_dot = jnp.where(is_cut, cut_dot, 0.0)
  cut_dot = cut_dot / jnp.maximum(tree.norm(free, "l1"), 1.0)
  return kept, tree.add(moved, -cut_dot, free)


def toward_l1(
  delta: Array,
  grad: Array,
  eps: Array | float,
  room: Array | float,
  size: Array | float,
) -> Array:
  """Moves from delta towards the best point of ball and room, by `size * eps`.

  The best point maximizes `<grad, .>`: it uses the whole room of the
  coordinates with the largest gradient, until its L1 norm is eps. The move is
  along a straight line, so it stays in the ball if delta is in it.
  """
  room = jnp.broadcast_to(jnp.asarray(room, jnp.float32), delta.shape)
  room = jnp.minimum(room, tree.expand(eps, delta))
  value, limit = (v.reshape(len(v), -1) for v in (jnp.abs(grad), room))
  total = jnp.broadcast_to(jnp.asarray(eps, jnp.float32), delta.shape[:1])
  used = fill_in_order(value, limit, total).reshape(delta.shape)
  move = jnp.sign(grad) * used * room - delta
  way = tree.norm(move, "l1")
  fraction = jnp.minimum(1.0, size * eps / jnp.where(way > 0, way, 1.0))
  return tree.add(delta, fraction, move)


class _Bracket(NamedTuple):
  """Bounds of the root, the cut, its excess and the last one, each `[B]`."""

  low: Array
  high: Array
  cut: Array
  excess: Array
  last: Array


def _is_open(b: _Bracket, eps: Array) -> Array:
  return jnp.abs(b.excess) > _TOLERANCE * eps


def _cut(size: Array, eps: Array, room: Array) -> _Bracket:
  """The smallest cut that reduces the L1 norm to eps, `[B]`."""

  def length(cut):
    return jnp.clip(size - tree.expand(cut, size), 0.0, room)

  def excess_at(cut):
    return tree.norm(length(cut), "l1") - eps

  def step(carry):
    i, b = carry
    over = b.excess > 0
    low, high = jnp.where(over, b.cut, b.low), jnp.where(over, b.high, b.cut)
    kept = length(b.cut)
    slope = tree.norm(((kept > 0) & (kept < room)).astype(jnp.float32), "l1")
    newton = b.cut + b.excess / jnp.maximum(slope, 1.0)
    # Newton may leave its linear piece: then halve the bracket instead.
    trusted = (newton >= low) & (newton <= high)
    trusted &= jnp.abs(b.excess) < 0.5 * jnp.abs(b.last)
    cut = jnp.where(trusted, newton, _halfway(low, high))
    new = _Bracket(low, high, cut, excess_at(cut), b.excess)
    # An example that is done does not change with the others in the batch.
    return i + 1, tree.where(_is_open(b, eps), new, b)

  clean = excess_at(jnp.zeros(size.shape[:1]))
  start = _Bracket(
    low=jnp.zeros_like(clean),
    high=tree.norm(size, "linf"),
    cut=jnp.zeros_like(clean),
    excess=jnp.maximum(clean, 0.0),
    last=jnp.full_like(clean, jnp.inf),
  )
  return jax.lax.while_loop(
    lambda carry: (carry[0] < _MAX_STEPS) & jnp.any(_is_open(carry[1], eps)),
    step,
    (0, start),
  )[1]


def _halfway(low: Array, high: Array) -> Array:
  """The float in the middle, by rank: at most 31 steps for any bracket."""
  a, b = (jax.lax.bitcast_convert_type(v, jnp.int32) for v in (low, high))
  return jax.lax.bitcast_convert_type(a + (b - a) // 2, jnp.float32)
