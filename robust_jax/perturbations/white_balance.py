"""White balance: one gain for each color channel of an image."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.types import Array, Key, PerturbationSet


def white_balance(eps: Array | float = 0.2) -> PerturbationSet:
  """White balance: one gain for each color channel of an image.

      x' = clip(x (1 + delta_c)),  |delta_c| <= eps

  for delta `[B, C]`. Black pixels stay black.

  Args:
    eps: largest relative change of a channel: a float, a tracer or `[B]`.

  Raises:
    ValueError: eps is negative.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> x = jnp.full((1, 1, 1, 3), 0.5)
    >>> warm = jnp.array([[0.2, 0.0, -0.2]])
    >>> perturbations.white_balance(0.2).apply(x, warm)
    Array([[[[0.6, 0.5, 0.4]]]], dtype=float32)

  Source: the diagonal (von Kries) model of a change of illuminant. Errors of
  white balance as perturbations: Afifi and Brown 2019, "What else can fool deep
  learning? Addressing color constancy errors on deep neural network
  performance". Deviation: theirs are nonlinear, fitted to cameras.
  """
  checks.non_negative("eps", eps)

  def zero(x: Array) -> Array:
    return jnp.zeros((x.shape[0], x.shape[-1]), jnp.float32)

  def radius(x: Array) -> Array:
    return tree.expand(eps, zero(x))

  def sample(key: Key, x: Array) -> Array:
    return radius(x) * jax.random.uniform(key, zero(x).shape, minval=-1.0)

  def apply(x: Array, delta: Array) -> Array:
    gain = 1.0 + delta.reshape(len(x), *[1] * (x.ndim - 2), -1)
    return jnp.clip(x * gain, 0.0, 1.0).astype(x.dtype)

  return PerturbationSet(
    zero=zero,
    sample=sample,
    project=lambda x, delta: jnp.clip(delta, -radius(x), radius(x)),
    linear_maximizer=lambda x, grad: radius(x) * jnp.sign(grad),
    apply=apply,
    check=checks.images,
  )
