"""What may change: one module, one factory, one perturbation set."""

from robust_jax.perturbations.affine import affine
from robust_jax.perturbations.flow import flow
from robust_jax.perturbations.l2 import l2
from robust_jax.perturbations.linf import linf
from robust_jax.perturbations.shift import shift

__all__ = ["affine", "flow", "l2", "linf", "shift"]
