"""Lp balls of perturbations of activations, without a box."""

import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls
from robust_jax.perturbations.l1 import l1
from robust_jax.perturbations.l2 import l2
from robust_jax.perturbations.linf import linf
from robust_jax.types import Array, Norm, PerturbationSet

_BALLS = {"linf": linf, "l2": l2, "l1": l1}


def _toward_l1(eps):
  return lambda x, delta, grad, size: balls.toward_l1(
    delta, grad, eps, jnp.inf, size
  )


def feature(eps: Array | float, norm: Norm = "l2") -> PerturbationSet:
  """Perturbations of activations with `||delta|| <= eps`, without a box.

  x is the output `[B, ...]` of a hidden layer, and the attacked model is the
  layers above it (`models.inference.features_and_head` splits a model):

      split = features_and_head(SmallCNN(), variables)
      attack = compose(search.pgd, feature(1.0), losses.cross_entropy)
      h_adv = attack(key, split.head, split.features(x), labels)

  Args:
    eps: radius in units of the activations; a float, a tracer or `[B]`, such as
      a tenth of each example's norm. Activations have no scale of their own.
    norm: norm of the ball, "linf", "l2" or "l1".

  Raises:
    ValueError: eps is negative or the norm is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, h = perturbations.feature(1.0, "l2"), jnp.array([[3.0, -2.0]])
    >>> pset.project(h, jnp.array([[0.0, 5.0]]))
    Array([[0., 1.]], dtype=float32)
  """
  checks.norm(norm, _BALLS)
  checks.non_negative("eps", eps)
  unit = _BALLS[norm](1.0)

  def scaled(change):
    return tree.expand(eps, change) * change

  # All that depends on the box in the set of radius 1 is replaced.
  return unit._replace(
    sample=lambda key, x: scaled(unit.sample(key, x)),
    linear_maximizer=lambda x, grad: scaled(unit.linear_maximizer(x, grad)),
    project=lambda x, delta: balls.onto_ball(delta, eps, norm),
    apply=lambda x, delta: tree.rounded_towards(x, x + delta),
    check=checks.activations,
    step=_toward_l1(eps) if norm == "l1" else None,
  )
