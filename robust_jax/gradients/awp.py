"""Adversarial weight perturbation (AWP): the gradient at perturbed weights."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.gradients.sam import at_ascent, unit_step
from robust_jax.types import Array, GradientTransform, PyTree


def awp(
  gamma: float = 0.01, *, warmup_steps: int = 0, synchronized: bool = False
) -> GradientTransform:
  """Adversarial weight perturbation (AWP): the gradient at perturbed weights.

      g(w) -> g(w + v),   v_l = gamma ||w_l||_2 g_l(w) / ||g_l(w)||_2

  for each tensor l of two axes or more; biases and the parameters of
  normalization layers stay. With a loss that attacks its inputs, inputs and
  weights are at their worst together. Published with 0.01 for PGD-AT and 0.005
  for TRADES.

  Args:
    gamma: size of the perturbation relative to the tensor's norm.
    warmup_steps: steps at the start of a run that use the plain gradient; those
      of ten epochs for TRADES in the authors' code. They cost as much.
    synchronized: whether devices average their gradients before the ascent, as
      for `sam`.

  Raises:
    ValueError: gamma or warmup_steps is negative.

  Source: Wu, Xia and Wang 2020, "Adversarial weight perturbation helps robust
  generalization". Deviation: weight decay acts on w, in the authors' code on
  w + v.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import gradients
    >>> loss = lambda w: (jnp.sum(w**2), None)
    >>> value_and_grad = jax.value_and_grad(loss, has_aux=True)
    >>> w = jnp.array([[3.0, 4.0]])
    >>> _, grad = gradients.awp(gamma=0.5)(value_and_grad, 0)(w)
    >>> grad.tolist()  # 2 (w + 0.5 w)
    [[9.0, 12.0]]
  """
  checks.non_negative("gamma", gamma)
  checks.non_negative("warmup_steps", warmup_steps)

  def step(weight: Array, grad: Array) -> Array:
    if weight.ndim < 2:
      return jnp.zeros_like(weight)
    length = gamma * jnp.linalg.norm(weight.ravel())
    return unit_step(grad, length)

  def ascent(params: PyTree, grads: PyTree) -> PyTree:
    return jax.tree.map(step, params, grads)

  return at_ascent(ascent, synchronized, warmup_steps)
