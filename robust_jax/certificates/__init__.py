"""Certificates: proofs that no perturbation in a ball changes an answer."""

from robust_jax.certificates.smoothing import smoothing

__all__ = ["smoothing"]
