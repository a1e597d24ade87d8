"""A trained model as the function that attacks and evaluations see."""

import dataclasses

import flax.linen as nn
import jax

from robust_jax.types import Array, LogitsFn, PyTree


def frozen(
  model: nn.Module, variables: PyTree, *, method: str = "__call__"
) -> LogitsFn:
  """x -> logits with running BatchNorm statistics and no dropout.

  The result is a pytree of the variables, so it may be an argument of a jitted
  function, which other variables of the same shape, of this model or one equal
  to it, do not recompile.

  Args:
    model: a linen module, with `train` False by default.
    variables: "params" and the model's other collections.
    method: the one of its methods that answers.
  """
  return jax.tree_util.Partial(_Apply(model, method), variables)


@dataclasses.dataclass(frozen=True)
class _Apply:
  """`model.apply`, equal where the models are; bound methods are not."""

  model: nn.Module
  method: str

  def __call__(self, variables: PyTree, *inputs: Array) -> Array:
    return self.model.apply(variables, *inputs, method=self.method)
