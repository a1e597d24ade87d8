"""Sharpness-aware minimization (SAM): the gradient at nearby worst weights.

It applies to any training loss. A loss that attacks its inputs attacks the
model with the parameters that the step began with, in both passes. XLA finds
that this is the same computation and does it once (seen in the compiled program
of a CPU, jax 0.10.2).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, parallel
from robust_jax.types import Array, GradientTransform, PyTree, ValueAndGrad

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
    >>> (value, _), grad = gradients.sam(rho=0.5)(value_and_grad, 0)(3.0)
    >>> float(value), float(grad)  # w^2, and 2 (w + 0.5)
    (9.0, 7.0)
  """
  checks.non_negative("rho", rho)

  def ascent(params: PyTree, grads: PyTree) -> PyTree:
    del params
    return unit_step(grads, rho)

  return at_ascent(ascent, synchronized)


def at_ascent(
  ascent: Callable[[PyTree, PyTree], PyTree],
  synchronized: bool,
  warmup_steps: int = 0,
) -> GradientTransform:
  """The gradient at `w + ascent(w, g(w))`, with the value found at w.

  Args:
    ascent: (params, gradient) -> step, both like the parameters.
    synchronized: whether devices average their gradients before the ascent.
    warmup_steps: steps at the start of a run without an ascent.
  """

  def transform(value_and_grad: ValueAndGrad, step: Array) -> ValueAndGrad:
    def perturbed(params: PyTree):
      value, grads = value_and_grad(params)
      if synchronized:
        grads = parallel.mean(grads)
      move = ascent(params, grads)
      if warmup_steps:
        early = step < warmup_steps
        move = jax.tree.map(lambda v: jnp.where(early, 0.0, v), move)
      worst = jax.tree.map(jnp.add, params, move)
      return value, value_and_grad(worst)[1]

    return perturbed

  return transform


def unit_step(grads: PyTree, length: Array | float) -> PyTree:
  """The step of L2 norm `length` along a gradient; 0 where that is 0."""
  scale = length / jnp.maximum(optax.tree.norm(grads), _TINY)
  return jax.tree.map(lambda g: scale * g, grads)
