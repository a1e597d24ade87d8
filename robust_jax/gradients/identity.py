"""The plain gradient of the training loss."""

from robust_jax.types import Array, GradientTransform, ValueAndGrad


def identity() -> GradientTransform:
  """Uses the gradient of the loss unchanged.

  Example:
    >>> import jax
    >>> from robust_jax import gradients
    >>> loss = lambda w: (w**2, None)
    >>> value_and_grad = jax.value_and_grad(loss, has_aux=True)
    >>> (value, _), grad = gradients.identity()(value_and_grad, 0)(3.0)
    >>> float(grad)
    6.0
  """

  def transform(value_and_grad: ValueAndGrad, step: Array) -> ValueAndGrad:
    del step
    return value_and_grad

  return transform
