"""The gradient of the loss itself."""

from robust_jax.types import GradientTransform, ValueAndGrad


def identity() -> GradientTransform:
  """The gradient of the loss itself, at the parameters themselves."""

  def transform(value_and_grad: ValueAndGrad) -> ValueAndGrad:
    return value_and_grad

  return transform
