"""The L2 ball: the change of one example has Euclidean length at most eps."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls, box
from robust_jax.types import Array, Key, PerturbationSet


def l2(eps: Array | float) -> PerturbationSet:
  """Perturbations with `||theta||_2 <= eps`, and x + theta in [0, 1].

  `project` scales onto the ball and then cuts to the box. Cutting shortens
  every coordinate, so the result is in both and a second projection keeps it,
  though it need not be the nearest such point: AutoAttack's own choice.

  Args:
    eps: radius in input units: a float, a tracer or `[B]`, one per example.

  Raises:
    ValueError: eps is negative.

  Source: Madry et al. 2018; Croce and Hein 2020 (APGD's projection).
  """
  checks.non_negative("eps", eps)

  def sample(key: Key, x: Array) -> Array:
    # Uniform in the ball: a uniform direction, and the d-th root of a uniform.
    key_direction, key_length = jax.random.split(key)
    direction = jax.random.normal(key_direction, x.shape, jnp.float32)
    uniform = jax.random.uniform(key_length, x.shape[:1], jnp.float32)
    length = eps * uniform ** (1.0 / (x.size // x.shape[0]))
    unit = tree.normalise(direction, 2)
    return unit * tree.expand(length, unit)

  return PerturbationSet(
    zero=lambda x: jnp.zeros(x.shape, jnp.float32),
    sample=sample,
    project=lambda x, theta: box.into(x, balls.onto_l2(theta, eps)),
    steepest=lambda x, grad: tree.expand(eps, x) * tree.normalise(grad, 2),
    apply=box.apply,
  )
