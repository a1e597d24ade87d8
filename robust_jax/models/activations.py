"""Activation functions that several networks share."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from robust_jax.types import Array


def activation(name: str) -> Callable[[Array], Array]:
  """An activation function by the name that configs give it.

      relu      max(x, 0)
      silu      x sigmoid(x)
      softplus  log(1 + exp(10 x)) / 10
      gelu      x Phi(x), Phi being the standard normal distribution function

  All but the first are smooth, which improves the gradients that an attack in
  training finds. Their arithmetic is float32 in bfloat16 too, and is repeated
  in the backward pass, so that no float32 activations are kept for it.

  Raises:
    ValueError: there is none of that name.

  Source: Xie et al. 2020, "Smooth Adversarial Training", section 4, where the
  softplus has this parameter; Hendrycks and Gimpel 2016, "Gaussian Error Linear
  Units (GELUs)", without its approximation by tanh.

  Example:
    >>> from robust_jax.models.activations import activation
    >>> activation("silu")(0.0).item()
    0.0
  """
  if name not in _ACTIVATIONS:
    raise ValueError(
      f"activation = {name!r}: expected one of {', '.join(_ACTIVATIONS)}."
    )
  return _ACTIVATIONS[name]


def _in_float32(fn: Callable[[Array], Array]) -> Callable[[Array], Array]:
  """Computes bfloat16 results of bfloat16 inputs by float32 arithmetic."""
  through = lambda x: fn(x.astype(jnp.float32)).astype(jnp.bfloat16)
  again = jax.checkpoint(through, prevent_cse=False)
  is_half = lambda x: jnp.result_type(x) == jnp.bfloat16
  return lambda x: again(x) if is_half(x) else fn(x)


_ACTIVATIONS = {
  "relu": nn.relu,
  "silu": _in_float32(nn.silu),
  "gelu": _in_float32(functools.partial(nn.gelu, approximate=False)),
  "softplus": _in_float32(lambda x: nn.softplus(10 * x) / 10),
}
