"""What a search is given to maximize, and what it climbs in its place.

Float32 holds seven digits. The cross-entropy of logits of 1e-8 is the same
number everywhere, and that of logits of 1e8 is 0 with a gradient of 0, though
the answers change. But a search needs no more of an objective than its order,
and another function of the same order keeps its digits.
"""

import functools
from collections.abc import Callable

from robust_jax.types import Array, Model, Objective, PyTree


class Climbed:
  """A function that searches maximize by means of another one.

  Called, it is `function`. An average over draws or models is one of such
  calls, and is climbed as it is: another order holds for each call alone.

  Attributes:
    climbed: of the same order as `function` for each example, and with
      gradients of the same direction.
  """

  def __init__(self, function: Callable, climbed: Callable):
    functools.update_wrapper(self, function)
    self._function, self.climbed = function, climbed

  def __call__(self, *args: Array) -> Array:
    return self._function(*args)


def climbed(function: Callable) -> Callable:
  """What searches maximize in the place of `function`; mostly itself."""
  return function.climbed if isinstance(function, Climbed) else function


def made_of(objective: Objective, make: Callable) -> Objective:
  """`make(objective)`, climbed by what `make` makes of the climbed one.

  Args:
    objective: what is worked on.
    make: `(objective) -> objective`, which keeps or reverses every order.
  """
  made = make(objective)
  if not isinstance(objective, Climbed):
    return made
  return Climbed(made, make(objective.climbed))


def of_model(
  objective: Objective, model: Model, targets: PyTree
) -> Callable[[PyTree], Array]:
  """x' -> `objective(model(x'), targets)` `[B]`, for a search."""
  return made_of(objective, lambda loss: lambda x: loss(model(x), targets))
