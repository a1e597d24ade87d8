"""Random-start FGSM (RS-FGSM), the adversary of fast adversarial training."""

import jax

from robust_jax import losses
from robust_jax.attacks.standalone import standalone
from robust_jax.perturbations.linf import linf
from robust_jax.search import ascent
from robust_jax.types import Array, Attack, Key, Model
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


def rs_fgsm(eps: Array | float, *, step_size: Array | float = 1.25) -> Attack:
  """Random-start FGSM (RS-FGSM): one signed step from a random start.

  PGD with one step evaluates the model inside [0, 1] only. Here the gradient is
  taken at x + noise without clipping: on images with many black and white
  pixels clipping would remove half of the noise, and training collapses sooner.

  Args:
    eps: radius of the Linf ball in input units; a float, a tracer or `[B]`.
    step_size: fraction of the radius.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, in the ball and in [0, 1], with one
    forward and one backward pass.

  Source: Wong, Rice and Kolter 2020, "Fast is better than free", algorithm 3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import rs_fgsm
    >>> x, y, w = jnp.full((1, 3), 0.5), jnp.array([0]), jnp.eye(3)
    >>> attack = rs_fgsm(0.25, step_size=2.0)
    >>> attack(jax.random.key(0), lambda x: x @ w, x, y)[0, 0]  # of class 0
    Array(0.25, dtype=float32)
  """
  pset = linf(eps)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    model = canonicalize_on_cpu(logits_fn)
    start = pset.sample(key, x)
    grad = jax.grad(
      lambda noise: losses.soft_margin(model(x + noise), labels).sum()
    )(start)
    step = step_size * pset.linear_maximizer(x, ascent.usable_gradient(grad))
    x_adv = pset.apply(x, pset.project(x, start + step))
    return jax.lax.stop_gradient(x_adv)

  return attack
