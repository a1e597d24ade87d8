"""The nearest point of a hyperplane within the box [0, 1], per example."""

import jax
import jax.numpy as jnp

from robust_jax.types import Array


def to_hyperplane(x: Array, w: Array, b: Array, norm: str) -> Array:
  """The shortest d with `<w, x + d> = b` and x + d in [0, 1].

  Where no such d exists, the one that comes nearest to b: a corner of the box.

  Args:
    x: points in the box, `[B, n]`.
    w: normals `[B, n]`; a zero row gives d = 0.
    b: offsets `[B]`.
    norm: what makes d short: "linf", "l2" or "l1".

  Returns:
    d `[B, n]`.

  Source: Croce and Hein 2020, "Minimally distorted Adversarial Examples with a
  Fast Adaptive Boundary Attack", section 2 and appendix A. The same points,
  found without a sort: every coordinate moves to one side only, by an amount
  that grows with a multiplier, and the multiplier is the root of a concave
  piecewise linear function, which Newton's method reaches from below in a few
  steps.
  """
  missing = b - (w * x).sum(axis=1)
  w = w * jnp.where(missing < 0, -1.0, 1.0)[:, None]
  missing = jnp.abs(missing)
  room = jnp.where(w > 0, 1 - x, x)
  slope = jnp.abs(w)
  if norm == "l1":
    size = _steepest_first(slope, room, missing)
  else:
    speed = slope if norm == "l2" else jnp.ones_like(slope)
    speed = jnp.where(slope > 0, speed, 0.0)
    multiplier = _multiplier(slope, speed, room, missing)
    size = jnp.minimum(multiplier[:, None] * speed, room)
  return jnp.sign(w) * size


def _multiplier(slope: Array, speed: Array, room: Array, missing: Array):
  """m `[B]` with `sum slope min(m speed, room) = missing`, or large enough."""
  full = jnp.where(speed > 0, room / jnp.maximum(speed, 1e-30), 0.0)
  gain = slope * speed
  limit = full.max(axis=1)

  def reached(state):
    m, _ = state
    moving = full > m[:, None]
    stopped = jnp.where(moving, 0.0, slope * room).sum(axis=1)
    rate = jnp.where(moving, gain, 0.0).sum(axis=1)
    ahead = (missing - stopped) / jnp.maximum(rate, 1e-30)
    ahead = jnp.clip(jnp.where(rate > 0, ahead, limit), m, limit)
    return ahead, jnp.any(ahead > m)

  start = jnp.zeros_like(missing)
  return jax.lax.while_loop(
    lambda state: state[1], reached, (start, jnp.asarray(True))
  )[0]


def _steepest_first(slope: Array, room: Array, missing: Array) -> Array:
  """Uses up the room of the steepest coordinates until nothing is missing."""
  gain = slope * room
  bits = jax.lax.bitcast_convert_type(slope, jnp.int32)

  def enough(threshold):
    return jnp.where(bits >= threshold[:, None], gain, 0.0).sum(1) >= missing

  # The largest slope down to which all room is needed, bit by bit.
  def step(i, found):
    candidate = found + (1 << (30 - i))
    return jnp.where(enough(candidate), candidate, found)

  found = jax.lax.fori_loop(0, 31, step, jnp.zeros(len(bits), jnp.int32))
  above, at = bits > found[:, None], bits == found[:, None]
  left = missing - jnp.where(above, gain, 0.0).sum(axis=1)
  at_gain = jnp.where(at, gain, 0.0).sum(axis=1)
  part = jnp.clip(left / jnp.maximum(at_gain, 1e-30), 0.0, 1.0)
  part = jnp.where(at_gain > 0, part, 0.0)
  size = jnp.where(above, room, jnp.where(at, part[:, None] * room, 0.0))
  return jnp.where(slope > 0, size, 0.0)
