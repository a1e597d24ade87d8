"""Water filling: distributes a total over coordinates with limits.

Both rules solve a linear problem over a budget and a box, without a sort, which
is slow on XLA's CPU backend.
"""

import jax
import jax.numpy as jnp

from robust_jax.types import Array
from robust_jax.xla_cpu.reductions import row_sum, weighted_kth_largest

# A level at which all limits are reached.
_FULL = 1e30


@jax.custom_jvp
def water_level(speed: Array, limit: Array, total: Array) -> Array:
  """The level m with `sum_i min(m speed_i, limit_i) = total`, or 1e30 if none
  exists.

  The sum is concave and piecewise linear in m, so Newton's method reaches its
  root from below in a few steps. Derivatives are those of the root.

  Args:
    speed: `[..., n]`, 0 or more; axes before the last may be missing.
    limit: `[..., n]`, 0 or more.
    total: `[...]`, 0 or more.
  """

  def reached(state):
    m, _ = state
    moving = m[..., None] * speed < limit
    stopped = row_sum(jnp.where(moving, 0.0, limit))
    rate = row_sum(jnp.where(moving, speed, 0.0))
    ahead = jnp.where(rate > 0, (total - stopped) / rate, _FULL)
    ahead = jnp.where(total > stopped, jnp.clip(ahead, m, _FULL), m)
    return ahead, jnp.any(ahead > m)

  start = jnp.zeros_like(total)
  return jax.lax.while_loop(
    lambda state: state[1], reached, (start, jnp.asarray(True))
  )[0]


@water_level.defjvp
def _level_jvp(primals, tangents):
  speed, limit, total = primals
  speed_dot, limit_dot, total_dot = tangents
  m = water_level(speed, limit, total)
  moving = m[..., None] * speed < limit
  gained = jnp.where(moving, m[..., None] * speed_dot, limit_dot)
  rate = row_sum(jnp.where(moving, speed, 0.0))
  is_root = (rate > 0) & (m < _FULL)
  m_dot = (total_dot - row_sum(gained)) / jnp.where(is_root, rate, 1.0)
  return m, jnp.where(is_root, m_dot, 0.0)


def fill_in_order(value: Array, limit: Array, total: Array) -> Array:
  """The fraction of each limit that is used, in decreasing order of value.

  The used parts add up to `total`, unless all limits with a positive value are
  used up. Coordinates of equal value are used to equal fractions.

  Args:
    value: `[..., n]` float32, 0 or more; coordinates of value 0 are not used.
    limit: `[..., n]`, 0 or more.
    total: `[...]`, 0 or more.
  """
  limit = jnp.where(value > 0, limit, 0.0)
  least = weighted_kth_largest(value, limit, total)[..., None]
  above, at = value > least, value == least
  left = total - row_sum(jnp.where(above, limit, 0.0))
  shared = row_sum(jnp.where(at, limit, 0.0))
  part = jnp.clip(left / jnp.where(shared > 0, shared, 1.0), 0.0, 1.0)
  used = jnp.where(above, 1.0, jnp.where(at, part[..., None], 0.0))
  return jnp.where(value > 0, used, 0.0)
