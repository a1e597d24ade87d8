"""Adversarial losses: what a discriminator and a generator minimize.

A factory makes an `AdversarialLoss`, the losses of both players per pair of a
real and a generated example. Penalties on the gradient of the discriminator are
in `adversarial_losses.penalties`. `tasks.gan` trains with any of them.
"""

from robust_jax.adversarial_losses.logistic import (
  minimax,
  non_saturating,
  relativistic,
)
from robust_jax.adversarial_losses.real_valued import (
  hinge,
  least_squares,
  wasserstein,
)

__all__ = [
  "hinge",
  "least_squares",
  "minimax",
  "non_saturating",
  "relativistic",
  "wasserstein",
]
