"""Perturbation sets: one module, one factory, one set."""

from robust_jax.perturbations.affine import affine
from robust_jax.perturbations.embeddings import embeddings
from robust_jax.perturbations.feature import feature
from robust_jax.perturbations.flow import flow
from robust_jax.perturbations.l0 import l0
from robust_jax.perturbations.l1 import l1
from robust_jax.perturbations.l2 import l2
from robust_jax.perturbations.linf import linf
from robust_jax.perturbations.patch import patch
from robust_jax.perturbations.photometric import photometric
from robust_jax.perturbations.product import product
from robust_jax.perturbations.shift import shift
from robust_jax.perturbations.substitutions import substitutions
from robust_jax.perturbations.variants import variants
from robust_jax.perturbations.white_balance import white_balance

__all__ = [
  "affine",
  "embeddings",
  "feature",
  "flow",
  "l0",
  "l1",
  "l2",
  "linf",
  "patch",
  "photometric",
  "product",
  "shift",
  "substitutions",
  "variants",
  "white_balance",
]
