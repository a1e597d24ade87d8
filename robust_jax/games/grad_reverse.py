"""Gradient reversal: a saddle point by one loss and one backward pass."""

import jax
import jax.numpy as jnp

from robust_jax.types import Array, PyTree


def grad_reverse(x: PyTree, lam: Array | float) -> PyTree:
  """x itself; backward, `-lam` times the gradient that arrives.

  What stands above the reversal minimizes the loss at full strength; what
  stands below maximizes lam times it. One `jax.grad` in all parameters of
  `class_loss(f(x)) + domain_loss(d(grad_reverse(f(x), lam)))` is the field of
  that game.

  Args:
    x: pytree of arrays; dtypes are kept, and lam is multiplied in float32.
    lam: scalar, without a gradient of its own. Traced, so that a schedule may
      be computed within the compiled step.

  Raises:
    ValueError: lam is not a scalar; for one per example use `jax.vmap`.

  Forward mode (`jax.jvp`, `jax.linearize`) is refused by JAX, as for every
  `custom_vjp`. Reverse over reverse works, and is the derivative of the field
  as it stands: a reversed gradient is not reversed again.

  Source: Ganin and Lempitsky 2015, "Unsupervised domain adaptation by
  backpropagation", section 3.2.
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
