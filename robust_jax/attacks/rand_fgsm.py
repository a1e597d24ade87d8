"""RAND+FGSM (R+FGSM): a random step of signs, then FGSM with what is left."""

import jax

from robust_jax import checks, losses
from robust_jax.attacks.standalone import standalone
from robust_jax.perturbations.linf import linf
from robust_jax.search import ascent
from robust_jax.types import Array, Attack, Key, Model
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


def rand_fgsm(eps: Array | float, *, noise: float = 0.5) -> Attack:
  """RAND+FGSM (R+FGSM): a random step of signs, then FGSM with what is left.

      x'    = clip(x + noise eps sign(n), 0, 1),  n ~ N(0, 1)
      x_adv = clip(x' + (1 - noise) eps sign(grad CE(f(x'), y)), 0, 1)

  The random step leaves the sharp curvature around x, behind which models
  trained by FGSM hide their gradients.

  Args:
    eps: radius of the Linf ball in input units; a float, a tracer or `[B]`.
    noise: fraction of the radius of the random step, in [0, 1].

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, in the ball and in [0, 1], with one
    forward and one backward pass.

  Raises:
    ValueError: noise is not in [0, 1], or eps is negative.

  Source: Tramer et al. 2018, "Ensemble adversarial training: attacks and
  defenses", section 4.1, with their alpha of eps / 2.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import rand_fgsm
    >>> x, y, w = jnp.full((1, 3), 0.5), jnp.array([0]), jnp.eye(3)
    >>> x_adv = rand_fgsm(0.5)(jax.random.key(0), lambda x: x @ w, x, y)
    >>> x_adv[0, 0].item() in (0.0, 0.5)  # steps of 1/4 agree or cancel
    True
  """
  checks.non_negative("noise", noise)
  checks.at_most("noise", noise, 1.0)
  pset = linf(eps)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    model = canonicalize_on_cpu(logits_fn)
    random = jax.random.normal(key, x.shape)
    start = pset.project(x, noise * pset.linear_maximizer(x, random))
    grad = jax.grad(
      lambda d: losses.soft_margin(model(pset.apply(x, d)), labels).sum()
    )(start)
    step = pset.linear_maximizer(x, ascent.usable_gradient(grad))
    delta = pset.project(x, start + (1 - noise) * step)
    return jax.lax.stop_gradient(pset.apply(x, delta))

  return attack
