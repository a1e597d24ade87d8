"""The search over the weight of the loss, common to CW, EAD and L-BFGS.

All three minimise `size(x' - x) + weight * loss(x')`: the smaller the weight
that still reaches the goal, the nearer the point.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax.attacks.minimal import Nearest
from robust_jax.types import Array

_FACTOR = 10.0


def smallest_weight(
  run: Callable[[Array, Nearest], tuple[Nearest, Array]],
  weight: Array | float,
  num_rounds: int,
  best: Nearest,
) -> Nearest:
  """Runs at smaller weights after success and at larger ones after failure.

  Until a weight has failed and a larger one has succeeded, the next is ten
  times the last, or a tenth of it; from then on it is the geometric mean.
  Per example, in one `fori_loop`.

  Args:
    run: `(weight [B], best) -> (best, reached [B])`.
    weight: the first; a float, a tracer or `[B]`.
    num_rounds: how many weights are tried.
    best: the nearest hit so far.

  Source: Carlini and Wagner 2017, section V.B and their code, with the
  arithmetic mean between 0 and a success replaced: a weight is a scale.
  """
  shape = best.distance.shape

  def body(_, carry):
    weight, low, high, best = carry
    best, reached = run(weight, best)
    high = jnp.where(reached, jnp.minimum(high, weight), high)
    low = jnp.where(reached, low, jnp.maximum(low, weight))
    between = jnp.sqrt(low * high)
    weight = jnp.where(low > 0, between, weight / _FACTOR)
    weight = jnp.where(jnp.isinf(high), low * _FACTOR, weight)
    return weight, low, high, best

  start = jnp.broadcast_to(jnp.asarray(weight, jnp.float32), shape)
  nothing, infinite = jnp.zeros(shape), jnp.full(shape, jnp.inf)
  return jax.lax.fori_loop(
    0, num_rounds, body, (start, nothing, infinite, best)
  )[-1]
