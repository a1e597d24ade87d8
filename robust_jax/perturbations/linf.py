"""Linf ball: each coordinate changes by at most eps."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls, box
from robust_jax.types import Array, Key, PerturbationSet


def linf(eps: Array | float) -> PerturbationSet:
  """Linf ball: perturbations with `|delta_i| <= eps` and x + delta in [0, 1].

  Args:
    eps: radius in input units (8/255 for 8 gray levels); a float, a tracer or
      `[B]`, one per example.

  Raises:
    ValueError: eps is negative.

  Source: Goodfellow et al. 2015; Madry et al. 2018. The random start is uniform
  in the ball; the box clips it where it is applied, and permanently after the
  first step.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.linf(0.25), jnp.array([[0.5, 0.875]])
    >>> pset.project(x, jnp.array([[-1.0, 1.0]]))
    Array([[-0.25 ,  0.125]], dtype=float32)
  """
  checks.non_negative("eps", eps)

  def sample(key: Key, x: Array) -> Array:
    unit = jax.random.uniform(key, x.shape, jnp.float32, -1.0, 1.0)
    return tree.expand(box.radius(eps, x, "linf"), x) * unit

  def linear_maximizer(x, grad):
    return tree.expand(box.radius(eps, x, "linf"), x) * jnp.sign(grad)

  return PerturbationSet(
    zero=lambda x: jnp.zeros(x.shape, jnp.float32),
    sample=sample,
    project=lambda x, delta: box.clip_delta(x, balls.onto_linf(delta, eps)),
    linear_maximizer=linear_maximizer,
    apply=box.apply,
    check=checks.images,
  )
