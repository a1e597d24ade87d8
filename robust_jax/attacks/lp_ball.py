"""The Lp balls by the name of their norm."""

import math

from robust_jax.perturbations.l1 import l1
from robust_jax.perturbations.l2 import l2
from robust_jax.perturbations.linf import linf
from robust_jax.types import Array, PerturbationSet

ORDERS = {"linf": math.inf, "l2": 2, "l1": 1}


def ball(norm: str, eps: Array | float) -> PerturbationSet:
  """The set `||delta|| <= eps` within the box.

  Raises:
    ValueError: the norm is not "linf", "l2" or "l1", or eps is negative.
  """
  return {"linf": linf, "l2": l2, "l1": l1}[known(norm)](eps)


def known(norm: str) -> str:
  """The name of a norm, refused if it is not one.

  Raises:
    ValueError: the norm is not "linf", "l2" or "l1".
  """
  if norm not in ORDERS:
    raise ValueError(f"norm = '{norm}': expected 'linf', 'l2' or 'l1'.")
  return norm
