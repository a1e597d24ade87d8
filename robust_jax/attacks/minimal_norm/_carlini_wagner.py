"""The change of variables and the search over weights of Carlini and Wagner."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax.attacks.minimal_norm.best_adversarial import BestAdversarial
from robust_jax.types import Array

_FACTOR = 10.0


def smallest_weight(
  run: Callable[[Array, BestAdversarial], tuple[BestAdversarial, Array]],
  weight: Array | float,
  num_rounds: int,
  best: BestAdversarial,
) -> BestAdversarial:
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


# Black and white are at infinity, and the derivative of tanh is nearly 0 well
# before: an attack that starts there hardly moves them. This starts it at most
# 5e-4 away, where they move.
_INSIDE = 1 - 1e-3


def to_tanh_space(x: Array) -> Array:
  """x in [0, 1] -> w, any real number."""
  return jnp.arctanh(_INSIDE * (2 * x - 1))


def from_tanh_space(w: Array) -> Array:
  """w -> x in [0, 1]."""
  return (jnp.tanh(w) + 1) / 2


def slope_of_tanh(w: Array) -> Array:
  """The derivative of `from_tanh_space` at w."""
  return (1 - jnp.square(jnp.tanh(w))) / 2
