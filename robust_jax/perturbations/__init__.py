"""What may change: one module, one factory, one perturbation set."""

from robust_jax.perturbations.l2 import l2
from robust_jax.perturbations.linf import linf

__all__ = ["l2", "linf"]
