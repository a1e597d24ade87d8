"""Objectives, and the surrogate that a search maximizes in their place.

Float32 holds seven digits. The cross-entropy of logits of the order 1e-8 rounds
to one constant, and that of logits of the order 1e8 is 0 with a gradient of 0,
although the predictions change. A search only needs the order of an objective's
values, and a surrogate with the same order keeps the digits.
"""

import functools
from collections.abc import Callable
from typing import Any

from robust_jax.types import Array, Model, Objective, PyTree


class WithSurrogate:
  """A function together with a surrogate that searches maximize in its place.

  Called, it evaluates `function`. An average over draws or models is an average
  of such calls and is maximized as it is, since the order is the same only
  within each call.

  Args:
    function: the function.
    surrogate: a function with the same order of values for each example, and
      with gradients of the same direction.
  """

  def __init__(
    self, function: Callable[..., Array], surrogate: Callable[..., Array]
  ):
    functools.update_wrapper(self, function)
    self._function, self.surrogate = function, surrogate

  def __call__(self, *args: PyTree) -> Array:
    return self._function(*args)


def surrogate_of(function: Callable[..., Array]) -> Callable[..., Array]:
  """Returns the surrogate of `function`, or `function` if it has none."""
  return function.surrogate if isinstance(function, WithSurrogate) else function


def transformed(
  objective: Objective, transform: Callable[[Objective], Callable[..., Any]]
) -> Callable[..., Any]:
  """Applies `transform` to an objective, and to its surrogate if it has one.

  Args:
    objective: the objective.
    transform: `(objective) -> function`, which keeps or reverses the order of
      values.
  """
  result = transform(objective)
  if not isinstance(objective, WithSurrogate):
    return result
  return WithSurrogate(result, transform(objective.surrogate))


def of_model(
  objective: Objective, model: Model, targets: PyTree
) -> Callable[[PyTree], Array]:
  """The objective as a function of the input, `x' -> objective(model(x'),
  targets)`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> from robust_jax.objective import of_model
    >>> x, labels = jnp.array([[0.2, 0.8]]), jnp.array([0])
    >>> of_model(losses.margin, lambda x: 10 * x, labels)(x)
    Array([6.], dtype=float32)
  """
  return transformed(objective, lambda loss: lambda x: loss(model(x), targets))


def checked_by(
  check: Callable[[PyTree, PyTree], None],
) -> Callable[[Objective], Objective]:
  """Attaches the check of an objective's arguments, for `checks.objective`."""

  def mark(objective: Objective) -> Objective:
    vars(objective)["check"] = check
    return objective

  return mark
