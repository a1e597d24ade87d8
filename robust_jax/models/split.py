"""A trained model cut in two at its hidden layer."""

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import jax

from robust_jax.models.frozen import frozen
from robust_jax.types import Array, PyTree


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class SplitModel:
  """A `LogitsFn` in two parts, and a pytree where these are.

  Attributes:
    features: x `[B, ...]` -> activations `[B, ...]`.
    head: activations -> logits `[B, K]`.
  """

  features: Callable[[Array], Array]
  head: Callable[[Array], Array]

  def __call__(self, x: Array) -> Array:
    """x `[B, ...]` in [0, 1] -> logits `[B, K]`."""
    return self.head(self.features(x))


def split(model: nn.Module, variables: PyTree) -> SplitModel:
  """The frozen model as what leads to its features, and the rest.

  Args:
    model: a linen module with the methods `features` and `head`, and
      `model(x) == head(features(x))`.
    variables: "params" and the model's other collections.

  Raises:
    ValueError: the module lacks one of the methods.
  """
  for method in ("features", "head"):
    if not callable(getattr(model, method, None)):
      raise ValueError(
        f"{type(model).__name__} has no method '{method}': wanted one that "
        "answers x by a hidden layer, `features`, and one that answers that by "
        "logits, `head`. Functions of your own make a SplitModel too."
      )
  return SplitModel(
    frozen(model, variables, method="features"),
    frozen(model, variables, method="head"),
  )
