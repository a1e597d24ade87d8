"""Certificates: proofs that no perturbation in a ball changes an answer."""

from robust_jax.certificates.crown_ibp import crown_ibp
from robust_jax.certificates.interval_bounds import interval_bounds
from robust_jax.certificates.smoothing import smoothing

__all__ = ["crown_ibp", "interval_bounds", "smoothing"]
