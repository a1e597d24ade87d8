"""Gradient reversal layer: a saddle point by one loss and one backward pass."""

import jax
import jax.numpy as jnp

from robust_jax.types import Array, PyTree


def grad_reverse(x: PyTree, lam: Array | float) -> PyTree:
  """Gradient reversal layer: the identity, whose gradient is times `-lam`.

  Layers after the reversal minimize the loss, layers before it maximize lam
  times the loss. One `jax.grad` of
  `class_loss(f(x)) + domain_loss(d(grad_reverse(f(x), lam)))` in all parameters
  is the vector field of that game.

  Forward mode (`jax.jvp`, `jax.linearize`) is refused by JAX, as for every
  `custom_vjp`. Reverse over reverse works and differentiates the vector field
  as it is: a reversed gradient is not reversed again.

  Args:
    x: pytree of arrays. Dtypes are kept; the product with lam is computed in
      float32.
    lam: scalar, which receives no gradient. It may be traced, so a schedule may
      be computed inside the compiled step.

  Returns:
    x.

  Raises:
    ValueError: lam is not a scalar; for one per example use `jax.vmap`.

  Source: Ganin and Lempitsky 2015, "Unsupervised domain adaptation by
  backpropagation", section 3.2.

  Example:
    >>> import jax
    >>> from robust_jax.games.grad_reverse import grad_reverse
    >>> jax.grad(lambda x: grad_reverse(x, 0.5) ** 2)(3.0).item()
    -3.0
  """
  lam = jnp.asarray(lam, jnp.float32)
  if lam.ndim:
    raise ValueError(
      f"lam of shape {lam.shape}: expected a scalar; map over several with "
      "jax.vmap."
    )
  return _reverse(x, lam)


@jax.custom_vjp
def _reverse(x, lam):
  del lam
  return x


def _forward(x, lam):
  return x, lam


def _backward(lam, grad):
  def reversed_leaf(g):
    if g.dtype == jax.dtypes.float0:  # of integers, which have no gradient
      return g
    return (-lam * g).astype(g.dtype)

  return jax.tree.map(reversed_leaf, grad), jnp.zeros_like(lam)


_reverse.defvjp(_forward, _backward)
