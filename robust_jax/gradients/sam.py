"""Sharpness-aware minimization (SAM): the gradient at nearby worst weights.

It applies to any training loss. A loss that attacks its inputs attacks the
model with the parameters that the step began with, in both passes. XLA finds
that this is the same computation and does it once (seen in the compiled program
of a CPU, jax 0.10.2).
"""

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, parallel
from robust_jax.types import GradientTransform, PyTree, ValueAndGrad

_TINY = float(jnp.finfo(jnp.float32).tiny)  # a gradient of 0 leads nowhere


def sam(rho: float = 0.05, *, synchronized: bool = False) -> GradientTransform:
  """Sharpness-aware minimization (SAM): the gradient at nearby worst weights.

      g(w) -> g(w + rho g(w) / ||g(w)||_2)

  Both gradients are computed on the same batch with the same key, so dropout
  and attacks have the same draws. Loss, metrics and BatchNorm statistics are
  those of the first pass, at w.

  Args:
    rho: radius of the ascent step, in the L2 norm over all parameters.
    synchronized: whether devices average their gradients before the ascent. If
      not, each device ascends by the gradient of its own examples and only the
      second gradients are averaged. This is m-SAM, as published, where m is the
      number of examples per device.

  Raises:
    ValueError: rho is negative.

  Source: Foret et al. 2021, "Sharpness-aware minimization for efficiently
  improving generalization", eq. 2 and 3 and section 4.1.

  Example:
    >>> import jax
    >>> from robust_jax import gradients
    >>> loss = lambda w: (w**2, None)
    >>> value_and_grad = jax.value_and_grad(loss, has_aux=True)
    >>> (value, _), grad = gradients.sam(rho=0.5)(value_and_grad)(3.0)
    >>> float(value), float(grad)  # w^2, and 2 (w + 0.5)
    (9.0, 7.0)
  """
  checks.non_negative("rho", rho)

  def transform(value_and_grad: ValueAndGrad) -> ValueAndGrad:
    def sharpness_aware(params: PyTree):
      value, ascent = value_and_grad(params)
      if synchronized:
        ascent = parallel.mean(ascent)
      scale = rho / jnp.maximum(optax.tree.norm(ascent), _TINY)
      worst = jax.tree.map(lambda w, g: w + scale * g, params, ascent)
      return value, value_and_grad(worst)[1]

    return sharpness_aware

  return transform
