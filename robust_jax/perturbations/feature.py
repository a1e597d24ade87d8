"""A ball of perturbations of activations, without a box."""

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
  """Perturbations of activations, `||delta|| <= eps`, without a box.

  x is here what a hidden layer answers, `[B, ...]`, and the model attacked is
  the rest of it:

      model = split(SmallCNN(), variables)
      attack = compose(search.pgd, feature(1.0), losses.cross_entropy)
      h_adv = attack(key, model.head, model.features(x), labels)
      logits = model.head(h_adv)

  Args:
    eps: radius in units of the activations, which have no scale of their own:
      a float, a tracer or `[B]`, such as a tenth of each example's norm.
    norm: of the ball: "linf", "l2" or "l1".

  Raises:
    ValueError: eps is negative, or there is no such norm.
  """
  checks.norm(norm, _BALLS)
  checks.non_negative("eps", eps)
  unit = _BALLS[norm](1.0)

  def scaled(change):
    return tree.expand(eps, change) * change

  # The boxed set of radius 1 knows of the box in what is replaced only.
  return unit._replace(
    sample=lambda key, x: scaled(unit.sample(key, x)),
    linear_maximizer=lambda x, grad: scaled(unit.linear_maximizer(x, grad)),
    project=lambda x, delta: balls.onto_ball(delta, eps, norm),
    apply=lambda x, delta: tree.rounded_towards(x, x + delta),
    check=checks.activations,
    step=_toward_l1(eps) if norm == "l1" else None,
  )
