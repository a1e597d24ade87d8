"""RS-FGSM, the training adversary of "fast" adversarial training."""

import jax

from robust_jax import losses
from robust_jax.attacks.standalone import standalone
from robust_jax.perturbations.linf import linf
from robust_jax.search import ascent
from robust_jax.types import Array, Attack, Key, Model
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


def rs_fgsm(eps: Array | float, *, step_size: Array | float = 1.25) -> Attack:
  """One step along the gradient's sign from a random start in the Linf ball.

  Unlike PGD of one step, whose model never sees anything outside [0, 1], the
  gradient is taken at x + noise as it is: on images with much black and white
  the cut would remove half of the noise, and training collapses sooner.

  Args:
    eps: radius in input units; a float, a tracer or `[B]`.
    step_size: fraction of the radius.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, in the ball and in [0, 1]; one
    forward pass and one backward.

  Source: Wong, Rice and Kolter 2020, "Fast is better than free", algorithm 3.
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
