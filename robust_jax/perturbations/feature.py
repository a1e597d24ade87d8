"""A ball of perturbations of activations, without a box."""

from typing import Literal

import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls
from robust_jax.perturbations.l1 import l1
from robust_jax.perturbations.l2 import l2
from robust_jax.perturbations.linf import linf
from robust_jax.types import Array, PerturbationSet

_NORMS = {
  "l1": (l1, lambda theta, eps: balls.onto_l1(theta, eps, jnp.inf)),
  "l2": (l2, balls.onto_l2),
  "linf": (linf, balls.onto_linf),
}


def _toward_l1(eps):
  return lambda x, theta, grad, size: balls.toward_l1(
    theta, grad, eps, jnp.inf, size
  )


def feature(
  eps: Array | float, norm: Literal["l1", "l2", "linf"] = "l2"
) -> PerturbationSet:
  """Perturbations of activations, `||theta|| <= eps`, without a box.

  x is here what a hidden layer answers, `[B, ...]`, and the model attacked is
  the rest of it:

      model = split(SmallCNN(), variables)
      attack = compose(search.pgd, feature(1.0), losses.cross_entropy)
      h_adv = attack(key, model.head, model.features(x), labels)
      logits = model.head(h_adv)

  Args:
    eps: radius in units of the activations, which have no scale of their own:
      a float, a tracer or `[B]`, such as a tenth of each example's norm.
    norm: of the ball.

  Raises:
    ValueError: eps is negative, or there is no such norm.
  """
  if norm not in _NORMS:
    raise ValueError(f"norm = '{norm}': wanted 'l1', 'l2' or 'linf'.")
  checks.non_negative("eps", eps)
  make, onto_ball = _NORMS[norm]
  unit = make(1.0)

  def scaled(change):
    return tree.expand(eps, change) * change

  # The boxed set of radius 1 knows of the box in what is replaced only.
  return unit._replace(
    sample=lambda key, x: scaled(unit.sample(key, x)),
    steepest=lambda x, grad: scaled(unit.steepest(x, grad)),
    project=lambda x, theta: onto_ball(theta, eps),
    apply=lambda x, theta: tree.rounded_towards(x, x + theta),
    check=checks.activations,
    step=_toward_l1(eps) if norm == "l1" else None,
  )
