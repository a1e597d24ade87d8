"""Sharpness-aware minimization (SAM): the gradient at the worst near weights.

Which loss it is does not matter: one that attacks its inputs attacks the
parameters that the step began with, in both passes. These are the same
computation twice, which XLA's optimization finds and does once (seen in the
compiled program of a CPU, jax 0.10.2).
"""

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, parallel
from robust_jax.types import GradientTransform, PyTree, ValueAndGrad

_TINY = float(jnp.finfo(jnp.float32).tiny)  # a gradient of 0 leads nowhere


def sam(rho: float = 0.05, *, synchronized: bool = False) -> GradientTransform:
  """Sharpness-aware minimization (SAM): the gradient at the worst near weights.

      g(w) -> g(w + rho g(w) / ||g(w)||_2)

  Both gradients are of the same batch with the same key, so that dropout and
  attacks draw the same in both. Loss, metrics and BatchNorm statistics are
  those of the first pass, at w.

  Args:
    rho: radius of the ascent step, over all parameters together.
    synchronized: whether devices average their gradients before the ascent.
      Without, each ascends by the gradient of its own examples, and only the
      second gradients are averaged: m-SAM, as published, where m is the number
      of examples per device.

  Raises:
    ValueError: rho is negative.

  Source: Foret et al. 2021, "Sharpness-aware minimization for efficiently
  improving generalization", eq. 2 and 3 and section 4.1.
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
