"""The nearest point of a hyperplane within the box [0, 1], per example."""

import jax
import jax.numpy as jnp

from robust_jax.rows import row_sum
from robust_jax.types import Array


def to_hyperplane(x: Array, w: Array, gap: Array, norm: str) -> Array:
  """The shortest d with `<w, d> = gap` and x + d in [0, 1].

  Where no such d exists, the one that comes nearest to it: a corner of the box.

  Args:
    x: points in the box, `[..., n]`.
    w: normals `[..., n]`, fewer than points perhaps; a zero row gives d = 0.
    gap: `[...]` like x; of the hyperplane `<w, .> = b`, `b - <w, x>`.
    norm: what makes d short: "linf", "l2" or "l1".

  Returns:
    d `[..., n]`.

  Source: Croce and Hein 2020, "Minimally distorted Adversarial Examples with a
  Fast Adaptive Boundary Attack", section 2 and appendix A. The same points,
  found without a sort: every coordinate moves to one side only, by an amount
  that grows with a multiplier, and the multiplier is the root of a concave
  piecewise linear function, which Newton's method reaches from below in a few
  steps.
  """
  slope, sign = jnp.abs(w), jnp.sign(w)
  sign = jnp.where((gap < 0)[..., None], -sign, sign)
  gap = jnp.abs(gap)
  room = jnp.where(sign > 0, 1 - x, x)
  if norm == "l1":
    size = _steepest_first(jnp.broadcast_to(slope, room.shape), room, gap)
  else:
    speed = slope if norm == "l2" else jnp.where(slope > 0, 1.0, 0.0)
    multiplier = _multiplier(slope, speed, room, gap)
    size = jnp.minimum(multiplier[..., None] * speed, room)
  return sign * size


# A multiplier by which everything that can move has used up its room.
_ALL = 1e30


def _multiplier(slope: Array, speed: Array, room: Array, gap: Array) -> Array:
  """m with `sum slope min(m speed, room) = gap`, or large enough."""

  def reached(state):
    m, _ = state
    moving = m[..., None] * speed < room
    stopped = row_sum(jnp.where(moving, 0.0, slope * room))
    rate = row_sum(jnp.where(moving, slope * speed, 0.0))
    ahead = jnp.where(rate > 0, (gap - stopped) / rate, _ALL)
    ahead = jnp.where(gap > stopped, jnp.clip(ahead, m, _ALL), m)
    return ahead, jnp.any(ahead > m)

  start = jnp.zeros_like(gap)
  return jax.lax.while_loop(
    lambda state: state[1], reached, (start, jnp.asarray(True))
  )[0]


def _steepest_first(slope: Array, room: Array, gap: Array) -> Array:
  """Uses up the room of the steepest coordinates until no gap is left."""
  gain = slope * room
  bits = jax.lax.bitcast_convert_type(slope, jnp.int32)

  def enough(threshold):
    needed = jnp.where(bits >= threshold[..., None], gain, 0.0)
    return row_sum(needed) >= gap

  # The largest slope down to which all room is needed, bit by bit.
  def step(i, found):
    candidate = found + (1 << (30 - i))
    return jnp.where(enough(candidate), candidate, found)

  found = jax.lax.fori_loop(0, 31, step, jnp.zeros(gap.shape, jnp.int32))
  above, at = bits > found[..., None], bits == found[..., None]
  left = gap - row_sum(jnp.where(above, gain, 0.0))
  at_gain = row_sum(jnp.where(at, gain, 0.0))
  part = jnp.clip(left / jnp.maximum(at_gain, 1e-30), 0.0, 1.0)
  part = jnp.where(at_gain > 0, part, 0.0)
  size = jnp.where(above, room, jnp.where(at, part[..., None] * room, 0.0))
  return jnp.where(slope > 0, size, 0.0)
