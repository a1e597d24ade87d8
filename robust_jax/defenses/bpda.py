"""Backward pass differentiable approximation (BPDA) of input transformations.

Rounding and compression have a derivative of 0 nearly everywhere, so that a
gradient attack makes no progress, although the model behind them is no more
robust than before. The wrappers of this package therefore evaluate such a
transformation exactly and differentiate a smooth surrogate in its place: every
attack on a wrapper is an adaptive one.
"""

from collections.abc import Callable

import jax
from jax import lax

from robust_jax.types import Array


def bpda(
  transform: Callable[[Array], Array],
  surrogate: Callable[[Array], Array] = lambda x: x,
) -> Callable[[Array], Array]:
  """`transform`, with the derivative of `surrogate`.

      f(x) = transform(x),   df/dx = d surrogate(x) / dx

  Args:
    transform: x -> x', evaluated exactly and never differentiated.
    surrogate: x -> an approximation of x' of the same shape and dtype; by
      default x itself, the straight-through estimator.

  Source: Athalye, Carlini and Wagner 2018, "Obfuscated Gradients Give a False
  Sense of Security", section 4.1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> rounded = bpda(jnp.round)
    >>> value, slope = jax.value_and_grad(rounded)(0.7)
    >>> float(value), float(slope)
    (1.0, 1.0)
  """

  def approximated(x: Array) -> Array:
    exact = transform(lax.stop_gradient(x))
    return differentiated_as(lax.stop_gradient(exact), surrogate(x))

  return approximated


@jax.custom_jvp
def differentiated_as(value: Array, surrogate: Array) -> Array:
  """`value`, bit for bit, with the derivative of `surrogate`."""
  del surrogate
  return value


differentiated_as.defjvp(lambda primals, tangents: (primals[0], tangents[1]))
