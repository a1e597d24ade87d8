"""Adaptive sharpness-aware minimization (ASAM): SAM that ignores scales."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.gradients.sam import at_ascent, unit_step
from robust_jax.types import GradientTransform, PyTree


def asam(
  rho: float = 0.5, *, eta: float = 0.01, synchronized: bool = False
) -> GradientTransform:
  """Adaptive sharpness-aware minimization (ASAM): SAM that ignores scales.

      g(w) -> g(w + rho T^2 g(w) / ||T g(w)||_2),   T = |w| + eta

  entry by entry. The neighborhood is measured relative to each weight, so that
  scaling the weights of one layer up and those of the next down, which does not
  change a ReLU network, does not change its sharpness either.

  Args:
    rho: radius relative to the weights, about ten times that of `sam`.
    eta: keeps weights near 0 movable.
    synchronized: whether devices average their gradients before the ascent, as
      for `sam`.

  Raises:
    ValueError: rho or eta is negative.

  Source: Kwon et al. 2021, "ASAM: adaptive sharpness-aware minimization for
  scale-invariant learning of deep neural networks". Deviation: all parameters
  are scaled, biases and those of normalization layers too.

  Example:
    >>> import jax
    >>> from robust_jax import gradients
    >>> loss = lambda w: (w**2, None)
    >>> value_and_grad = jax.value_and_grad(loss, has_aux=True)
    >>> transform = gradients.asam(rho=0.5, eta=0.0)
    >>> (value, _), grad = transform(value_and_grad, 0)(3.0)
    >>> float(value), float(grad)  # w^2, and 2 (w + 0.5 |w|)
    (9.0, 9.0)
  """
  checks.non_negative("rho", rho)
  checks.non_negative("eta", eta)

  def ascent(params: PyTree, grads: PyTree) -> PyTree:
    scale = jax.tree.map(lambda w: jnp.abs(w) + eta, params)
    scaled = jax.tree.map(jnp.multiply, scale, grads)
    unit = unit_step(scaled, rho)
    return jax.tree.map(jnp.multiply, scale, unit)

  return at_ascent(ascent, synchronized)
