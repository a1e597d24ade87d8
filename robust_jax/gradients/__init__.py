"""Gradient transforms: ways to compute the gradient of a training loss."""

from robust_jax.gradients.asam import asam
from robust_jax.gradients.awp import awp
from robust_jax.gradients.identity import identity
from robust_jax.gradients.sam import sam

__all__ = ["asam", "awp", "identity", "sam"]
