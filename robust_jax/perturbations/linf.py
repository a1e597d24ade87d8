"""The Linf ball: every coordinate may change by eps."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls, box
from robust_jax.types import Array, Key, PerturbationSet


def linf(eps: Array | float) -> PerturbationSet:
  """Perturbations with `|delta_i| <= eps`, and x + delta in [0, 1].

  Args:
    eps: radius in input units (8/255 for 8 gray levels): a float, a tracer or
      `[B]`, one per example.

  Raises:
    ValueError: eps is negative.

  Source: Goodfellow et al. 2015; Madry et al. 2018. The random start is uniform
  in the ball; the box cuts it where it is applied, and for good after the first
  step.
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
    project=lambda x, delta: box.into(x, balls.onto_linf(delta, eps)),
    linear_maximizer=linear_maximizer,
    apply=box.apply,
    check=checks.images,
  )
