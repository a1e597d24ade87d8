"""Lp balls, and the check of results, by the name of the norm."""

import numpy as np

from robust_jax import checks, perturbations
from robust_jax.attacks.autoattack.stage import Check
from robust_jax.tree import ORDERS
from robust_jax.types import Array, Norm, PerturbationSet


def ball(norm: Norm, eps: Array | float) -> PerturbationSet:
  """The set `||delta|| <= eps` within the box.

  Args:
    norm: "linf", "l2" or "l1".
    eps: radius in input units; a float, a tracer or `[B]`.

  Raises:
    ValueError: the norm is unknown, or eps is negative.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.attacks.lp_ball import ball
    >>> ball("linf", 0.25).project(jnp.ones((1, 1)), -jnp.ones((1, 1)))
    Array([[-0.25]], dtype=float32)
  """
  checks.norm(norm, ORDERS)
  return getattr(perturbations, norm)(eps)


def in_ball(norm: Norm, eps: Array | float) -> Check:
  """A check that all changes lie in the ball, up to rounding.

  Args:
    norm: "linf", "l2" or "l1".
    eps: radius in input units; a float or `[N]`, one per example.

  Returns:
    `(x, x_adv, rows)`, which raises ValueError otherwise; `rows` are the
    indices of these examples among all N.
  """

  def check(x: np.ndarray, x_adv: np.ndarray, rows: np.ndarray) -> None:
    radius = np.asarray(eps, np.float64)
    radius = np.broadcast_to(radius[rows] if radius.ndim else radius, len(x))
    change = x_adv.astype(np.float64) - x.astype(np.float64)
    change = change.reshape(len(x), -1)
    length = np.linalg.norm(change, ORDERS[norm], axis=1)
    # The difference of two float32 in [0, 1] is off by 6e-8 per coordinate.
    outside = length > radius * (1 + 1e-5) + 1e-5
    if outside.any():
      worst = np.argmax(outside)
      raise ValueError(
        f"a change of {norm} norm {length[worst]:g} where eps = "
        f"{radius[worst]:g}."
      )

  return check
