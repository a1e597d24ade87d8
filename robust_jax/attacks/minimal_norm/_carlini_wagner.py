"""Carlini and Wagner's change of variables and their search over weights."""

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
  """Searches for the smallest weight of the loss that leads to a success.

  The weight decreases after a success and increases after a failure. Until one
  weight has failed and a larger one has succeeded, it changes by a factor of
  ten; from then on it is the geometric mean of the two. Each example has its
  own weight, in one `fori_loop`.

  Args:
    run: `(weight [B], best) -> (best, reached [B])`.
    weight: first weight; a float, a tracer or `[B]`.
    num_rounds: number of weights tried.
    best: the nearest success so far.

  Source: Carlini and Wagner 2017, section V.B and their code.

  Deviation: the geometric mean replaces the arithmetic mean between 0 and a
  success, since a weight is a scale.
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


# Black and white correspond to infinity, and the derivative of tanh is nearly 0
# long before that: an attack would hardly move such pixels. It starts at most
# 5e-4 away from them, where they move.
_INSIDE = 1 - 1e-3


def to_tanh_space(x: Array) -> Array:
  """Maps x in [0, 1] to w, any real number."""
  return jnp.arctanh(_INSIDE * (2 * x - 1))


def from_tanh_space(w: Array) -> Array:
  """Maps w to x in [0, 1]."""
  return (jnp.tanh(w) + 1) / 2


def slope_of_tanh(w: Array) -> Array:
  """Derivative of `from_tanh_space` at w."""
  return (1 - jnp.square(jnp.tanh(w))) / 2
