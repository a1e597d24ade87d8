"""A trained model as the function that attacks and evaluations see."""

import flax.linen as nn
import jax

from robust_jax.types import LogitsFn, PyTree


def frozen(model: nn.Module, variables: PyTree) -> LogitsFn:
  """x -> logits with running BatchNorm statistics and no dropout.

  The result is a pytree of the variables, so it may be an argument of a jitted
  function, which new parameters of the same shape do not recompile. Models take
  `train`, and it is False by default.

  Args:
    model: a linen module.
    variables: "params" and the model's other collections.
  """
  return jax.tree_util.Partial(model.apply, variables)
